//! Cases of `decide` as people read them: Markdown tables in tests/cases, one row a case.
//!
//! The pool has the class's rules with 3 to 10 workers; a column overrides one value. `?` is a fact that could not be
//! read, `-` one that the queue does not tell; columns ending in `ago` or `for` are seconds before now.
#![allow(clippy::expect_used, reason = "a test may fail loudly and talk")]

use workerpool::api::{ScaleDownSpec, ScaleUpSpec};
use workerpool::decide::{
    Fact, Load, Memory, Millis, Pool, ScaleDown, ScaleUp, Seen, Time, UnknownAction, decide,
};

const NOW: Time = Time(1_000_000_000);

/// The class's rules, from the API's own defaults.
fn class() -> Pool {
    let (up, down) = (ScaleUpSpec::class(), ScaleDownSpec::class());
    Pool {
        min: 3,
        max: 10,
        pin: None,
        up: ScaleUp {
            queue_length: up.queue_length.map(i64::from),
            utilization: up.utilization_percent.map(i64::from),
            cpu: up.cpu_percent.map(i64::from),
            step: up.step,
            cooldown: up.cooldown.0,
        },
        down: Some(ScaleDown {
            queue_length: down.queue_length.map(i64::from),
            utilization: down.utilization_percent.map(i64::from),
            idle_for: down.idle_for.0,
            step: down.step,
            cooldown: down.cooldown.0,
        }),
        unknown_after: Millis::seconds(30),
        unknown_action: UnknownAction::Hold,
        suspend: false,
        dry_run: false,
    }
}

fn fact(cell: &str) -> Fact {
    match cell {
        "?" => Fact::Missing,
        "-" => Fact::NotTold,
        number => Fact::Known(number.parse().unwrap_or_else(|_| panic!("`{number}` is no fact"))),
    }
}

fn ago(cell: &str) -> Option<Time> {
    let seconds: f64 = cell.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds in the tables")]
    Some(Time(NOW.0 - (seconds * 1000.0) as i64))
}

fn check(file: &str, head: &[&str], row: &[&str]) {
    let mut pool = class();
    let mut memory = Memory::default();
    let mut load = Load { ready: Fact::Known(0), ..Load::NOT_TOLD };
    let (mut current, mut live, mut busy, mut cpu) = (3, Fact::Known(3), Fact::Known(0), Fact::Known(0));
    let (mut to, mut reason, mut sentence, mut again) = (None, None, None, None);
    for (name, cell) in head.iter().zip(row) {
        let number =
            || cell.parse::<i32>().unwrap_or_else(|_| panic!("{file}: `{cell}` in {name} is no number"));
        match *name {
            "case" => {}
            _ if cell.is_empty() => {}
            "min" => pool.min = number(),
            "max" => pool.max = number(),
            "pin" => pool.pin = Some(number()),
            "step" => pool.up.step = number(),
            "suspend" => pool.suspend = true,
            "dry run" => pool.dry_run = true,
            "fallback" => pool.unknown_action = UnknownAction::Fallback(number()),
            "no down" => pool.down = None,
            "now" => {
                current = number();
                live = Fact::Known(current.into());
            }
            "ready" => load.ready = fact(cell),
            "live" => live = fact(cell),
            "busy" => busy = fact(cell),
            "cpu" => cpu = fact(cell),
            "ours" => memory.desired = Some(number()),
            "up ago" => memory.last_up = ago(cell),
            "changed ago" => memory.last_change = ago(cell),
            "idle for" => memory.idle_since = ago(cell),
            "blind for" => memory.unknown_since = ago(cell),
            "→" => to = Some(number()),
            "reason" => reason = Some((*cell).to_owned()),
            "sentence" => sentence = Some((*cell).to_owned()),
            "look again in" => again = ago(cell).map(|at| Time(NOW.0 + (NOW - at).0)),
            other => panic!("{file}: unknown column `{other}`"),
        }
    }
    (load.live, load.busy) = (live, busy);
    // The tables give the mean, as people do.
    load.cpu_sum = match (cpu, live) {
        (Fact::Known(mean), Fact::Known(live)) => Fact::Known(mean * live),
        (fact, _) => fact,
    };
    let seen = Seen { current, load, missing: None };
    let decision = decide(&pool, &seen, &memory, NOW);
    let case = format!("{file}: {}\n{decision:#?}", row.join(" | "));
    assert_eq!(Some(decision.replicas), to, "{case}");
    if let Some(reason) = reason {
        assert_eq!(decision.why.reason().as_str(), reason, "{case}");
    }
    if let Some(sentence) = sentence {
        assert_eq!(decision.why.sentence(decision.from, decision.replicas), sentence, "{case}");
    }
    if again.is_some() {
        assert_eq!(decision.look_again, again, "{case}");
    }
}

#[test]
fn the_tables() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).expect("tests/cases") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut head: Option<Vec<&str>> = None;
        for line in text.lines() {
            let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
                head = None;
                continue;
            };
            let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
            match &head {
                None => head = Some(cells),
                Some(_) if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) && cells[0].len() > 1 => {}
                Some(head) => {
                    assert_eq!(cells.len(), head.len(), "{file}: {line}");
                    check(&file, head, &cells);
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 60, "only {cases} cases were found");
}
