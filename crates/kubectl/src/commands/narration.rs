//! The comments of `demo`: one short message at each turn of the demo, each printed once.

use crate::commands::narrator::Narrator;
use crate::text::class_format;
use crate::text::lang::{Lang, tr};

/// The comments that were printed so far.
#[derive(Default)]
pub struct Narration {
    most_live: u64,
    workers_joined: bool,
    queue_drained: bool,
    all_done: bool,
}

impl Narration {
    /// Sets the number of live workers before the burst.
    pub fn begin(&mut self, live: u64) {
        self.most_live = live;
    }

    /// The comment on the current state, with `done` of `tasks` done; `None` if it was printed before.
    pub fn next(
        &mut self,
        lang: Lang,
        narrator: &Narrator,
        tasks: u32,
        done: u64,
    ) -> Option<String> {
        let summary = narrator.summary()?;
        let live = summary.live.unwrap_or(0);
        let before = self.most_live;
        self.most_live = live.max(before);
        if summary.is_empty() && !std::mem::replace(&mut self.all_done, true) {
            return all_done(lang, narrator, tasks, done);
        }
        if summary.ready == 0
            && !summary.is_empty()
            && !std::mem::replace(&mut self.queue_drained, true)
        {
            let running = class_format::number(summary.in_flight);
            return Some(tr!(lang, "cli-narration-none-waits", running));
        }
        if live <= before {
            return None;
        }
        if std::mem::replace(&mut self.workers_joined, true) {
            return Some(tr!(lang, "cli-narration-faster"));
        }
        let spec = narrator.spec();
        let up = &spec.rules.first()?.up;
        let (step, cooldown, max) = (up.step, messages::span(up.cooldown), spec.max);
        Some(tr!(lang, "cli-narration-steps", max, step, cooldown))
    }
}

fn all_done(lang: Lang, narrator: &Narrator, tasks: u32, done: u64) -> Option<String> {
    if done < u64::from(tasks) {
        return Some(tr!(lang, "cli-narration-lost", done, tasks));
    }
    let down = narrator.spec().rules.first()?.down.as_ref()?;
    let (idle, cooldown) = (messages::span(down.idle_for), messages::span(down.cooldown));
    let step = down.step;
    Some(tr!(
        lang,
        "cli-narration-all-done",
        tasks,
        idle,
        step,
        cooldown
    ))
}
