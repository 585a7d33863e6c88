//! The manifest folder: from files to the set of objects that are in force.
//!
//! - [`folder`] reads the folder as it is now; [`reader`] does so again and again, cheaply.
//! - `parsing` parses what says something new, and that alone.
//! - [`catalog`] decides, object by object, what is in force: an invalid change keeps the object's
//!   last valid version, an unreadable file keeps all its objects, a file that is gone for a moment
//!   (editors save by rename) is not gone.
//! - [`follow`] watches the folder and says when to look again.
//!
//! What it leaves out: running anything. [`crate::registry`] makes the set come true.

pub mod catalog;
pub mod folder;
pub mod follow;
mod parsing;
pub mod reader;

pub use catalog::{Catalog, Finding, InvalidTrigger, Objects, Review};
pub use folder::{Contents, Folder};
pub use reader::{FolderReader, Look};
