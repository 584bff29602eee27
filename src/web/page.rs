//! The page as HTML: one table, problems first, read anew every two seconds by the browser itself.

use super::PoolView;
use std::fmt::Write;

const HEAD: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>WorkerPools</title><style>
:root{color-scheme:light dark;font:1.1rem/1.5 system-ui,sans-serif}body{margin:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #8886;font-variant-numeric:tabular-nums}
td.n,th.n{text-align:right}.bad{font-weight:bold}.bad::before{content:"⚠ "}p{opacity:.8}
</style></head><body><h1>WorkerPools</h1>
"#;

/// The page.
pub(super) fn render(mut pools: Vec<PoolView>) -> String {
    pools.sort_by_cached_key(|pool| (is_well(pool), pool.namespace.clone(), pool.name.clone()));
    let mut page = HEAD.to_owned();
    if pools.is_empty() {
        page += "<p>There is no WorkerPool yet: kubectl apply -f manifests/demo.yaml</p>";
    } else {
        page += "<table><thead><tr><th>Pool<th class=n>Queue<th class=n>Busy<th class=n>Util<th class=n>CPU<th class=n>Replicas<th class=n>Desired<th class=n>Bounds<th>Decision<th>Why</thead><tbody>";
    }
    for pool in &pools {
        let status = &pool.status;
        let shown = status.display.clone().unwrap_or_default();
        let number = |n: Option<i32>| n.map_or("?".to_owned(), |n| n.to_string());
        let bounds = pool.bounds.map_or("?".to_owned(), |(min, max)| format!("{min}–{max}"));
        let (reason, sentence) = status
            .decision
            .as_ref()
            .map_or(("", ""), |decision| (decision.reason.as_str(), decision.sentence.as_str()));
        let _ = write!(page, "<tr><td>{}/{}", escape(&pool.namespace), escape(&pool.name));
        let (now, wanted) = (number(status.replicas), number(status.desired_replicas));
        for cell in [&shown.queue, &shown.busy, &shown.util, &shown.cpu, &now, &wanted, &bounds] {
            let _ = write!(page, "<td class=n>{}", escape(cell));
        }
        let class = if is_well(pool) { "" } else { " class=bad" };
        let _ = write!(page, "<td{class}>{}<td>{}", escape(reason), escape(sentence));
    }
    page + "</tbody></table><p>Read-only, of every second moment. The same as JSON: /api/pools</p></body></html>\n"
}

fn is_well(pool: &PoolView) -> bool {
    pool.status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Names and sentences come from users: none of it may become markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DecisionStatus, WorkerPoolStatus};

    #[test]
    fn troubles_come_first_and_nothing_a_user_wrote_becomes_markup() {
        let view = |name: &str, sentence: &str| PoolView {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            bounds: None,
            status: WorkerPoolStatus {
                decision: Some(DecisionStatus {
                    reason: "Unknown".to_owned(),
                    sentence: sentence.to_owned(),
                    confidence: 0.0,
                    at: jiff::Timestamp::UNIX_EPOCH,
                    from: 3,
                    to: 3,
                    trail: Vec::new(),
                    next: None,
                }),
                ..WorkerPoolStatus::default()
            },
        };
        let page = render(vec![view("b", "x"), view("a", "<script>alert(1)</script>")]);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
        assert!(page.find("shop/a") < page.find("shop/b"));
        assert!(render(Vec::new()).contains("no WorkerPool yet"));
    }
}
