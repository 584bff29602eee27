//! The workflows on GitHub run only what was reviewed: each action is pinned by its full commit.

use std::fs;
use std::path::Path;

#[test]
fn actions_are_pinned_by_commit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut actions = 0;
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (_, pin) = action.split_once('@').unwrap_or_default();
            let (commit, version) = pin.split_once(" # v").unwrap_or_default();
            assert!(
                commit.len() == 40
                    && commit.chars().all(|digit| digit.is_ascii_hexdigit())
                    && version.starts_with(|digit: char| digit.is_ascii_digit()),
                "{}: pin {action} as OWNER/NAME@COMMIT # vVERSION",
                file.display()
            );
            actions += 1;
        }
    }
    assert!(actions > 5, "the workflows use {actions} actions");
}
