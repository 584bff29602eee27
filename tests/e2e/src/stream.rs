//! What a `kubectl` command prints as JSON, value by value.

use crate::world::World;
use serde_json::{Deserializer, Value};
use std::io::BufReader;
use std::process::{Child, Stdio};

/// A `kubectl` command that runs until this is dropped.
pub struct Stream(Child);

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
        Self(child)
    }

    /// The changes of the pods with these labels. Each is an object with its `type` and the pod as `object`.
    pub fn of_pods(
        world: &World,
        labels: &str,
        handle: impl FnMut(&Value) + Send + 'static,
    ) -> Self {
        let watch = "get pods -o json --watch --output-watch-events -l";
        let arguments: Vec<&str> = watch.split(' ').chain([labels]).collect();
        Self::start(world, &arguments, handle)
    }

    /// Whether it has ended before it was stopped, so that what it printed is incomplete.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|end| end.is_some())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
