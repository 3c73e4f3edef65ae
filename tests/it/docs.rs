//! Documents that the program makes are those that it makes today.

use crate::repository::read;
use testkit::Program;

#[test]
fn the_table_of_services_and_laender_is_current() {
    let output = Program::new("").unwrap().run(&["rules", "overview"], b"").unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let document = read("docs/dienste.md");
    assert!(document.ends_with(&printed), "docs/dienste.md is old: append what `dunkelwerk rules overview` prints");
}
