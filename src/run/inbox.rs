//! The inbox of the event loop, which is bounded: whoever sends waits until there is room.
//!
//! This cannot deadlock, because the loop waits for nothing but its inbox. It hands commands to the executor, which starts a
//! task for each or puts them into a mailbox, and neither waits. At its end the loop drops the inbox, and whoever still waits
//! gets an error.

use crate::fleet::event::Event;
use crate::observe::PollResult;
use crate::turns::{Turn, Turns};
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The events that wait. The loop handles as many within milliseconds.
const CAPACITY: usize = 256;
/// The deliveries of polls among them, and of one namespace: its endpoints wait for each other, not for the loop alone, so
/// that the polls of each namespace come in turn.
const POLLS: usize = CAPACITY / 2;
const POLLS_OF_EACH: usize = 1;
/// The pools of one delivery: the loop turns to other events after as many.
const POOLS: usize = 64;

/// An event, and the turn that ends with it.
pub type Delivery = (Event, Option<Turn>);

/// The loop has ended.
#[derive(Debug)]
pub struct Ended;

/// The sending side.
#[derive(Clone)]
pub struct Events {
    sender: Sender<Delivery>,
    polls: Arc<Turns>,
}

/// An inbox: the sending side, and the one of the loop.
pub fn inbox() -> (Events, Receiver<Delivery>) {
    let (sender, receiver) = channel(CAPACITY);
    let polls = Arc::new(Turns::new(POLLS, POLLS_OF_EACH));
    (Events { sender, polls }, receiver)
}

impl Events {
    /// Sends an event once there is room.
    pub async fn send(&self, event: Event) -> Result<(), Ended> {
        self.sender.send((event, None)).await.map_err(|_| Ended)
    }

    /// Sends the results of polls of pools of `namespace`, once those before have been handled.
    pub async fn deliver(&self, namespace: &str, results: Vec<PollResult>) -> Result<(), Ended> {
        let mut results = results.into_iter();
        while results.len() > 0 {
            let some = results.by_ref().take(POOLS).collect();
            let turn = self.polls.take(namespace).await;
            let delivery = (Event::Metrics(some), Some(turn));
            self.sender.send(delivery).await.map_err(|_| Ended)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Key;
    use futures::FutureExt;

    fn results(namespace: &str, pools: usize) -> Vec<PollResult> {
        let result = |number: usize| {
            let pool = Key::new(namespace, &number.to_string());
            PollResult::unknown(pool, 1, None)
        };
        (0..pools).map(result).collect()
    }

    /// A hundred endpoints of one namespace have results of 500 pools each: those of another wait for 64 pools.
    #[tokio::test]
    async fn a_namespace_waits_for_one_delivery_of_another() {
        let (events, mut inbox) = inbox();
        let mut noisy: Vec<_> = (0..100)
            .map(|_| Box::pin(events.deliver("noisy", results("noisy", 500))))
            .collect();
        for delivery in &mut noisy {
            assert!(delivery.as_mut().now_or_never().is_none());
        }
        let quiet = events.deliver("quiet", results("quiet", 1)).now_or_never();
        assert!(matches!(quiet, Some(Ok(()))));
        let mut before = vec![];
        while let Ok((Event::Metrics(results), _turn)) = inbox.try_recv() {
            before.push((results[0].pool.namespace.to_string(), results.len()));
        }
        assert_eq!(before, [("noisy".to_owned(), 64), ("quiet".to_owned(), 1)]);
    }

    #[tokio::test]
    async fn who_waits_is_told_that_the_loop_has_ended() {
        let (events, inbox) = inbox();
        while events.send(Event::Tick).now_or_never().is_some() {}
        let mut waits = Box::pin(events.send(Event::Tick));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(inbox);
        assert!(waits.await.is_err());
        assert!(events.deliver("a", results("a", 1)).await.is_err());
    }
}
