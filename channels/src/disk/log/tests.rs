//! The log on a disk that fails in every way a disk has.

mod appending;
mod damage;
mod defects;
mod faults;
mod finding;
mod model;
mod outages;
mod real;
mod recovering;
mod removing;
mod reporting;
mod sectors;
mod support;
mod telling;
