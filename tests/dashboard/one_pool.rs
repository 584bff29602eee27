//! What only the page of one pool asks for: its workers, and why it has not another number of them.

use super::feed::{Deed, pool};
use super::play::Day;
use super::{Site, row, site, site_of};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks for the workers of `filters` until they are as `wanted`.
async fn staff(site: &Site, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..400 {
        let staff = site.json("/api/pools/shop/filters/workers").await;
        if wanted(&staff) {
            return staff;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!(
        "not so in time: {}",
        site.json("/api/pools/shop/filters/workers").await
    );
}

fn states(staff: &Value) -> Vec<&str> {
    let members = staff["members"].as_array().into_iter().flatten();
    members
        .filter_map(|member| member["state"].as_str())
        .collect()
}

#[tokio::test]
async fn who_works_is_known_from_the_next_look_after_somebody_asks() {
    let site = site().await;
    let first = site.json("/api/pools/shop/filters/workers").await;
    assert_eq!(
        (&first["looked"], &first["members"]),
        (&Value::Null, &json!([])),
        "nobody's workers were kept"
    );
    assert_eq!((&first["told"], &first["pods"]), (&json!(true), &json!(3)));

    let idle = staff(&site, |staff| !staff["looked"].is_null()).await;
    assert_eq!(states(&idle), ["idle", "idle", "idle"], "{idle}");
    let places: Vec<_> = idle["members"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["goes"])
        .collect();
    assert_eq!(places, [&json!(1), &json!(2), &json!(3)], "{idle}");

    site.deeds
        .send(Deed::Push("filters".into(), 1))
        .expect("played");
    let busy = staff(&site, |staff| states(staff).contains(&"busy")).await;
    let last = &busy["members"][2];
    assert_eq!(
        (&last["state"], &last["tasks"]),
        (&json!("busy"), &json!(1)),
        "who is busy goes last: {busy}"
    );
    assert!(last["since"].as_i64() >= idle["looked"].as_i64(), "{busy}");

    site.deeds
        .send(Deed::Deafen("filters".into()))
        .expect("played");
    staff(&site, |staff| states(staff).contains(&"deaf")).await;
    // What could not be read since is said, and the last that was known stays with its time.
    site.deeds
        .send(Deed::Blind(
            "filters".into(),
            Some("connection refused".into()),
        ))
        .expect("played");
    let blind = staff(&site, |staff| !staff["missing"].is_null()).await;
    assert_eq!(
        (&blind["missing"], states(&blind).len()),
        (&json!("connection refused"), 3),
        "{blind}"
    );
}

#[tokio::test]
async fn who_is_on_its_way_out_is_told_and_who_was_let_go_again() {
    // Five are busy for an hour, and two of them should go: a minute later two were waited for in vain.
    let spec = json!({
        "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "20s"},
        "scaleDown": {"queueLength": 2, "idleFor": "10s", "step": 2, "cooldown": "0s"},
    });
    let site = site_of(|feed| {
        feed.add(&pool("filters", &spec), Day::Quiet, 3_600_000, Some(5));
        feed.perform(Deed::Push("filters".into(), 5));
    })
    .await;
    let staff = staff(&site, |staff| states(staff).contains(&"draining")).await;
    let all = staff["members"].as_array().expect("members");
    let chosen: Vec<bool> = all.iter().map(|member| member["chosen"].is_i64()).collect();
    assert_eq!(chosen, [true, true, false, false, false], "{staff}");
    assert_eq!(
        states(&staff),
        ["draining", "draining", "busy", "busy", "busy"],
        "{staff}"
    );
    assert!(all.iter().all(|member| member["tasks"] == 1), "{staff}");
    assert_eq!(
        all.iter().filter(|member| member["late"] == true).count(),
        2,
        "{staff}"
    );
}

#[tokio::test]
async fn a_queue_that_names_nobody_is_said_to_name_nobody() {
    let spec =
        json!({"queues": [{"name": "jobs", "system": "List"}], "scaleUp": {"queueLength": 8}});
    let site =
        site_of(|feed| feed.add(&pool("filters", &spec), Day::List(1), 4_000, Some(3))).await;
    let staff = staff(&site, |staff| staff["told"] == false).await;
    assert_eq!(
        (&staff["pods"], &staff["members"], &staff["chosen"]),
        (&json!(3), &json!([]), &json!(false))
    );
}

#[tokio::test]
async fn a_viewer_of_all_pools_costs_no_list_of_workers() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    viewer.next(|message| message["same"].is_array()).await;
    let first = site.json("/api/pools/shop/mail/workers").await;
    assert_eq!(first["looked"], Value::Null, "{first}");
}

#[tokio::test]
async fn why_not_another_number_has_the_answer_of_the_command_line() {
    let site = site().await;
    let ask = |workers: &str| format!("/api/pools/shop/filters/why-not?workers={workers}");
    let more = site.json(&ask("5")).await;
    assert_eq!(
        (&more["decided"], &more["tasks"]),
        (&json!(3), &json!(9)),
        "{more}"
    );
    assert_eq!(more["because"][0]["name"], "scaleUp.queueLength", "{more}");
    let beyond = site.json(&ask("12")).await;
    let because = beyond["because"]
        .as_array()
        .and_then(|all| all.last())
        .cloned();
    assert_eq!(
        because,
        Some(json!({"name": "maxReplicas", "detail": "10"})),
        "{beyond}"
    );
    let same = site.json(&ask("3")).await;
    assert_eq!(
        (&same["decided"], &same["because"]),
        (&json!(3), &json!([])),
        "{same}"
    );
    let site =
        site_of(|feed| feed.add(&pool("filters", &json!({})), Day::Quiet, 4_000, None)).await;
    assert_eq!(
        site.json(&ask("5")).await,
        Value::Null,
        "without a target nobody knows"
    );
    for (path, refusal) in [
        (ask("many"), "400"),
        (ask(""), "400"),
        ("/api/pools/shop/nobody/why-not?workers=3".to_owned(), "404"),
        ("/api/pools/shop/nobody/workers".to_owned(), "404"),
    ] {
        let (head, _) = site.get(&path, "").await;
        assert!(
            head.starts_with(&format!("http/1.1 {refusal}")),
            "{path}: {head}"
        );
    }
}

#[tokio::test]
async fn what_seldom_changes_is_not_said_again_and_never_missed() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    let id = row(&viewer.next(|_| true).await, "filters").expect("filters")["id"].clone();
    let of = |message: &Value| {
        message["pools"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|pool| pool["id"] == id)
            .cloned()
    };
    site.deeds
        .send(Deed::Push("filters".into(), 30))
        .expect("played");
    let decided = |message: &Value| of(message).is_some_and(|row| row["decision"]["to"] == 5);
    let changed = of(&viewer.next(decided).await).expect("filters");
    assert_eq!(
        changed["changes"].as_array().map(Vec::len),
        Some(1),
        "the change is in the frame: {changed}"
    );
    // A sentence with another number of tasks: words alone.
    site.deeds
        .send(Deed::Push("filters".into(), 5))
        .expect("played");
    let words = |message: &Value| of(message).is_some_and(|row| row["rules"].is_null());
    let words = of(&viewer.next(words).await).expect("filters");
    assert_eq!(
        (&words["changes"], &words["bounds"], &words["internal"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(words["decision"]["message"].is_string(), "{words}");
    // Who comes now hears the frame too, in the full state or since.
    let has = |message: &Value| of(message).is_some_and(|row| row["changes"] == changed["changes"]);
    site.viewer().await.next(has).await;
}
