//! What a `kubectl` command prints as JSON, value by value.

use crate::world::{World, words};
use serde_json::{Deserializer, Value};
use std::io::BufReader;
use std::process::Stdio;
use testkit::process::Process;

/// A `kubectl` command that runs until this is dropped.
pub struct Stream(Process);

impl Stream {
    /// Starts the command. `handle` gets each value, in a thread of its own.
    pub fn start(
        world: &World,
        arguments: &[&str],
        mut handle: impl FnMut(&Value) + Send + 'static,
    ) -> Self {
        let mut command = world.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("kubectl");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || {
            let values = Deserializer::from_reader(output).into_iter::<Value>();
            for value in values.map_while(Result::ok) {
                handle(&value);
            }
        });
        Self(child.into())
    }

    /// The changes of the pods with these labels. Each is an object with its `type` and the pod as `object`.
    pub fn of_pods(
        world: &World,
        labels: &str,
        handle: impl FnMut(&Value) + Send + 'static,
    ) -> Self {
        let watch = format!("get pods -o json --watch --output-watch-events -l {labels}");
        Self::start(world, &words(&watch), handle)
    }

    /// Whether it has ended before it was stopped, so that what it printed is incomplete.
    pub fn has_ended(&mut self) -> bool {
        !self.0.is_running()
    }
}
