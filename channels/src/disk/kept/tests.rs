//! The store on simulated disks. What its parts do alone is tested beside them.

mod compacting;
mod keeping;
mod support;
