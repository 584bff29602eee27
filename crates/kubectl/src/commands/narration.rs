//! The narrator of `demo`: one short sentence for each turn of the story, each said once.

use crate::commands::narrator::Narrator;
use crate::text::class_format;
use crate::text::lang::{Lang, tr};

/// What was said so far.
#[derive(Default)]
pub struct Narration {
    most_live: u64,
    joined: bool,
    nothing_waits: bool,
    all_done: bool,
}

impl Narration {
    /// So many workers there are before it begins.
    pub fn begin(&mut self, live: u64) {
        self.most_live = live;
    }

    /// What a person should know now, with `done` of `tasks` done.
    pub fn next(&mut self, lang: Lang, story: &Narrator, tasks: u32, done: u64) -> Option<String> {
        let (facts, pool) = (story.facts()?, story.pool());
        let live = facts.live.unwrap_or(0);
        let before = self.most_live;
        self.most_live = live.max(before);
        if facts.is_empty() && !std::mem::replace(&mut self.all_done, true) {
            if done < u64::from(tasks) {
                return Some(tr!(
                    lang,
                    "Nothing is left to do, but only {done} of {tasks} tasks are done: Redis has lost the others.",
                    "No queda nada por hacer, pero solo {done} de {tasks} tareas están hechas: Redis perdió las demás."
                ));
            }
            let down = pool.rules.first()?.down.as_ref()?;
            let (idle, step, cooldown) = (down.idle_for, down.step, down.cooldown);
            return Some(tr!(
                lang,
                "All {tasks} tasks are done. When it has been quiet for {idle}, workers leave, {step} at a time, {cooldown} apart. Only those that do not work go.",
                "Las {tasks} tareas están hechas. Tras {idle} de calma se van workers, de {step} en {step}, cada {cooldown}. Solo se van los que no trabajan."
            ));
        }
        if facts.ready == 0
            && !facts.is_empty()
            && !std::mem::replace(&mut self.nothing_waits, true)
        {
            let running = class_format::number(facts.in_flight);
            return Some(tr!(
                lang,
                "Nothing waits any more, {running} still run.",
                "Ya no espera ninguna; quedan {running} en marcha."
            ));
        }
        if live <= before {
            return None;
        }
        let up = &pool.rules.first()?.up;
        let (step, cooldown, max) = (up.step, up.cooldown, pool.max);
        Some(if std::mem::replace(&mut self.joined, true) {
            tr!(
                lang,
                "More hands: the queue gets shorter faster.",
                "Más manos: la cola baja más deprisa."
            )
        } else {
            tr!(
                lang,
                "The new ones work already. Why not {max} at once? A step is {step}, and {cooldown} must pass before the next.",
                "Los nuevos ya trabajan. ¿Por qué no {max} de golpe? Un paso es de {step}, y han de pasar {cooldown} antes del siguiente."
            )
        })
    }
}
