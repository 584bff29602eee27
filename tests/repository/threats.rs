//! Each threat of docs/security.md names a test that exists.

use testkit::root;

#[test]
fn every_threat_has_its_test() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let table = page.split("| who, and what they try |").nth(1);
    let rows = table.expect("the table").lines().skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 9, "{rows:#?}");
    for row in rows {
        let cell = row
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        let [file, test] = names[..] else {
            panic!("a file and a test: {row}");
        };
        let text = std::fs::read_to_string(root().join(file));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}: {row}"));
        assert!(
            text.contains(&format!("fn {test}(")),
            "{file} has no {test}: {row}"
        );
    }
}
