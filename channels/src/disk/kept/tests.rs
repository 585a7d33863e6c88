//! The store on simulated disks. What its parts do alone is tested beside them.

mod compacting;
mod damage;
mod keeping;
mod model;
mod room;
mod rotting;
mod support;
