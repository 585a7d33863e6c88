//! Files stay short enough to be read at one sitting.

use crate::sources::code_of;
use crate::workspace::Workspace;

/// Our files mean to stay under 300 lines. At this many, comments and blank lines not counted, one
/// has become two stories.
const LINES_MAX: usize = 450;

#[test]
fn no_source_is_too_long_to_read() {
    let workspace = Workspace::read();
    let mut sources = 0;
    let mut too_long = Vec::new();
    for member in workspace.members() {
        for source in code_of(&member.folder().join("src")) {
            sources += 1;
            let lines = source.lines().count();
            if lines > LINES_MAX {
                too_long.push(format!("{}: {lines}", source.path.display()));
            }
        }
    }
    assert!(sources > workspace.members().count(), "sources were found");
    assert_eq!(
        too_long, [""; 0],
        "files of more than {LINES_MAX} lines of code"
    );
}
