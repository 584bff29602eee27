//! Which pods were selected and removed, beside the tasks that their workers took. Both are times of this machine's clock,
//! which a local cluster shares; a mark is seen some milliseconds after it was set.

use decide::victims::POD_DELETION_COST;
use e2e::stream::Stream;
use e2e::world::World;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
type Time = u128;

/// When a worker began and ended its tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    begun: Vec<Time>,
    ended: Vec<Time>,
}

/// The tasks of each pod, from lists with a line for each task: the pod and the time.
pub fn tasks(begun: &str, ended: &str) -> BTreeMap<String, Tasks> {
    let mut all: BTreeMap<String, Tasks> = BTreeMap::new();
    let lines = |list: &str| -> Vec<(String, Time)> {
        let lines = list.lines().filter_map(|line| line.split_once(' '));
        lines
            .map(|(pod, at)| (pod.to_owned(), at.parse().expect("a time")))
            .collect()
    };
    for (pod, at) in lines(begun) {
        all.entry(pod).or_default().begun.push(at);
    }
    for (pod, at) in lines(ended) {
        all.entry(pod).or_default().ended.push(at);
    }
    all
}

impl Tasks {
    fn took_one(&self, from: Time, until: Time) -> bool {
        self.begun.iter().any(|at| (from..until).contains(at))
    }

    fn had_one(&self, at: Time) -> bool {
        let until = |times: &[Time]| times.iter().filter(|time| **time < at).count();
        until(&self.begun) > until(&self.ended)
    }
}

/// The pods of a Deployment, from now on.
pub struct Removals {
    stream: Stream,
    record: Arc<Mutex<Record>>,
}

type Record = BTreeMap<String, Pod>;

#[derive(Debug, Default)]
struct Pod {
    /// When it was marked, and until when.
    selections: Vec<(Time, Option<Time>)>,
    removed_at: Option<Time>,
}

/// What was seen since the last report.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often a pod was selected.
    pub selected: usize,
    /// How many of them took a task afterwards.
    pub late: usize,
    /// How many were not removed: their marks were taken from them.
    pub spared: usize,
    /// Removed pods.
    pub removed: usize,
    /// How many of them had a task.
    pub busy: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            selected,
            late,
            spared,
            removed,
            busy,
        } = self;
        write!(out, "{busy} of {removed} removed pods had a task")?;
        if *selected > 0 {
            write!(
                out,
                "; {late} of {selected} selected pods took a task after their selection, {spared} of which were not removed"
            )?;
        }
        Ok(())
    }
}

impl Removals {
    /// Those with these labels.
    pub fn watch(world: &World, labels: &str) -> Self {
        let record = Arc::<Mutex<Record>>::default();
        let events = Arc::clone(&record);
        let handle = move |event: &Value| {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = since_1970.expect("a clock").as_millis();
            on_event(&mut lock(&events), event, now);
        };
        let stream = Stream::of_pods(world, labels, handle);
        Self { stream, record }
    }

    /// What was seen since the last one.
    pub fn report(&mut self, tasks: &BTreeMap<String, Tasks>) -> Report {
        assert!(!self.stream.has_ended(), "the record is incomplete");
        let mut record = lock(&self.record);
        let report = report(&record, tasks);
        record.retain(|_, pod| pod.removed_at.is_none());
        record.values_mut().for_each(|pod| pod.selections.clear());
        report
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_event(record: &mut Record, event: &Value, now: Time) {
    let metadata = &event["object"]["metadata"];
    let is_gone = event["type"] == "DELETED";
    let is_ending = is_gone || metadata.get("deletionTimestamp").is_some();
    let name = metadata["name"].as_str().expect("a name");
    // One that is ending already is none of ours.
    if is_ending && !record.contains_key(name) {
        return;
    }
    let pod = record.entry(name.to_owned()).or_default();
    let is_marked = !is_gone && metadata["annotations"].get(POD_DELETION_COST).is_some();
    match pod.selections.last_mut() {
        Some((_, until @ None)) if !is_marked => *until = Some(now),
        None | Some((_, Some(_))) if is_marked => pod.selections.push((now, None)),
        _ => {}
    }
    if is_ending {
        pod.removed_at.get_or_insert(now);
    }
}

fn report(record: &Record, tasks: &BTreeMap<String, Tasks>) -> Report {
    let mut report = Report::default();
    let none = Tasks::default();
    for (name, pod) in record {
        let tasks = tasks.get(name).unwrap_or(&none);
        if let Some(at) = pod.removed_at {
            report.removed += 1;
            report.busy += usize::from(tasks.had_one(at));
        }
        for (number, (from, until)) in pod.selections.iter().enumerate() {
            let is_last = number + 1 == pod.selections.len();
            let is_late = tasks.took_one(*from, until.unwrap_or(Time::MAX));
            let is_spared = !is_last || pod.removed_at.is_none();
            report.selected += 1;
            report.late += usize::from(is_late);
            report.spared += usize::from(is_late && is_spared);
        }
    }
    report
}

#[test]
fn selections_and_removals_are_told_from_tasks() {
    let mut record = Record::new();
    let mut see = |kind: &str, name: &str, mark: bool, ending: bool, now| {
        let mut metadata = serde_json::json!({"name": name, "annotations": {"other": "1"}});
        if mark {
            metadata["annotations"][POD_DELETION_COST] = "-2147483648".into();
        }
        if ending {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let event = serde_json::json!({"type": kind, "object": {"metadata": metadata}});
        on_event(&mut record, &event, now);
    };
    see("ADDED", "old", false, true, 1);
    for name in ["a", "b", "c"] {
        see("ADDED", name, false, false, 1);
        see("MODIFIED", name, true, false, 10);
    }
    // It took a task, and was spared.
    see("MODIFIED", "b", false, false, 20);
    for name in ["a", "c"] {
        see("MODIFIED", name, true, true, 30);
        see("DELETED", name, true, true, 40);
    }
    see("DELETED", "old", false, true, 40);
    let tasks = tasks("a 5\nb 15\nc 25\n", "a 9\nb 50\nc 45\n");
    let expected = Report {
        selected: 3,
        late: 2,
        spared: 1,
        removed: 2,
        busy: 1,
    };
    assert_eq!(report(&record, &tasks), expected);
}
