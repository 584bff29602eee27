//! Turns: how much of something runs at once, in all and for one namespace, so that no namespace takes it from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One value per name, such as that of a namespace, for as long as it is used.
#[derive(Debug)]
pub(crate) struct PerName<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> Default for PerName<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerName<T> {
    /// The value of `name`, which `make` makes if there is none.
    pub fn get(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(name).and_then(Weak::upgrade) {
            return value;
        }
        if values.len() == values.capacity() {
            values.retain(|_, value| value.strong_count() > 0);
        }
        let value = Arc::new(make());
        values.insert(name.to_owned(), Arc::downgrade(&value));
        value
    }
}

/// Turns that all namespaces share. A namespace waits for one of its own first, so at most as many as those stand in the
/// common line: the namespaces take turns there, however much one of them wants.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    of_each: usize,
    namespaces: PerName<Semaphore>,
}

/// A turn. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Turns {
    /// At most `all` turns at once, and at most `of_each` of one namespace.
    pub fn new(all: usize, of_each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            of_each,
            namespaces: PerName::default(),
        }
    }

    /// The permits of a turn of `namespace`, in the order in which they have to be taken.
    pub fn of(&self, namespace: &str) -> [Arc<Semaphore>; 2] {
        let own = self
            .namespaces
            .get(namespace, || Semaphore::new(self.of_each));
        [own, Arc::clone(&self.all)]
    }

    /// Waits for a turn of `namespace`.
    pub async fn take(&self, namespace: &str) -> Turn {
        let [own, all] = self.of(namespace);
        // They are never closed.
        let own = own.acquire_owned().await.ok();
        let all = all.acquire_owned().await.ok();
        Turn {
            _permits: [own, all],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_namespace_with_one_wish_waits_for_no_one_with_many() {
        let turns = Turns::new(4, 2);
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(turns.take("noisy"))).collect();
        let running: Vec<Turn> = waiting
            .iter_mut()
            .filter_map(|turn| turn.as_mut().now_or_never())
            .collect();
        assert_eq!(running.len(), 2);
        assert!(turns.take("quiet").now_or_never().is_some());
    }

    #[tokio::test]
    async fn all_namespaces_together_have_a_bound_and_take_turns_at_it() {
        let turns = Turns::new(4, 2);
        let mut names: Vec<String> = vec!["noisy".to_owned(); 10];
        names.extend((0..10).map(|number| format!("quiet-{number}")));
        let mut waiting: Vec<_> = names.iter().map(|it| Box::pin(turns.take(it))).collect();
        let mut running = Vec::new();
        for turn in &mut waiting {
            running.extend(turn.as_mut().now_or_never());
        }
        assert_eq!(running.len(), 4);
        // One that ends makes room for one, and the noisy namespace's next stands behind the quiet ones.
        running.remove(0);
        let rest = (2..10).chain(12..20);
        let next: Vec<(usize, Turn)> = rest
            .filter_map(|index| Some((index, waiting[index].as_mut().now_or_never()?)))
            .collect();
        assert_eq!(next.iter().map(|it| it.0).collect::<Vec<_>>(), [12]);
    }

    #[test]
    fn what_no_one_uses_is_forgotten() {
        let values = PerName::default();
        let kept = values.get("kept", || 1);
        for number in 0..10_000 {
            values.get(&number.to_string(), || 2);
        }
        assert!(values.0.lock().unwrap().len() < 100);
        assert_eq!(values.get("kept", || 3), kept);
    }
}
