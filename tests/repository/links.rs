//! Each link between pages leads to a file and a heading that exist, and each alert has a runbook with the same parts.

use crate::grafana::{ALERTS, RUNBOOKS};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use testkit::root;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown pages of these folders.
fn pages(folders: &[&str]) -> Vec<PathBuf> {
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).expect(folder));
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The lines of a page outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The anchors of a page, as GitHub derives them from the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// The targets of a page's links that are not addresses of the web.
fn links(text: &str) -> Vec<String> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let folders = [
        ".",
        "docs",
        "docs/es",
        "docs/decisions",
        "charts/workerpool",
        "examples/bullmq",
        "examples/celery",
        "examples/python",
        "examples/rq",
        "examples/sidekiq",
    ];
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages(&folders) {
        for link in links(&read(&page)) {
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().expect("a folder").join(path),
            };
            let exists =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !exists {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(count > 50, "only {count} links found");
}

/// `alerts.yaml` is generated from `ALERTS`, and its `runbook_url` is this page with the alert's name as the anchor.
#[test]
fn each_alert_has_a_runbook() {
    let page = read(&root().join(RUNBOOKS));
    let sections: Vec<(&str, &str)> = page
        .split("\n## ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let titles: Vec<&str> = sections.iter().map(|(title, _)| *title).collect();
    let names: Vec<&str> = ALERTS.iter().map(|alert| alert.name).collect();
    assert_eq!(titles, names, "one section for each alert, in this order");
    for (title, section) in sections {
        for part in [
            "**Meaning.** ",
            "**Impact.** ",
            "**Diagnosis.**",
            "```sh ",
            "**Fix.**",
        ] {
            assert!(section.contains(part), "{title}: no {part}");
        }
    }
    let urls = crate::grafana::alerts();
    for anchor in anchors(&page).iter().filter(|anchor| *anchor != "runbooks") {
        let url =
            format!("https://github.com/workerpool-dev/workerpool/blob/main/{RUNBOOKS}#{anchor}\"");
        assert_eq!(urls.matches(&url).count(), 1, "{url}");
    }
}
