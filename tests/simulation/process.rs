//! One operator process: `run::run` in a runtime of its own, whose clock stands still between two steps.

use crate::api_server::{Answer, Call, refuse};
use crate::redis_server;
use crate::watch;
use crate::world::{Fault, Shared, Trap};
use axum::body::Bytes;
use decide::Time;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::Body;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workerpool_operator::observe::endpoint::{ByteStream, Dial};
use workerpool_operator::observe::{Address, NotConnected};
use workerpool_operator::run::{self, Environment, Settings, TimeSource};

/// How long a request takes to the API server, and its answer back.
const WAY: Duration = Duration::from_millis(1);

/// What a process and its connections to the world share.
#[derive(Clone)]
pub struct Link {
    /// The number of the process.
    pub number: usize,
    pub world: Shared,
    /// The world's time when the process started, and that instant of its own clock.
    started_at: (i64, Instant),
    alive: Arc<AtomicBool>,
    died: Arc<Notify>,
}

pub struct Process {
    runtime: Runtime,
    link: Link,
    stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Process {
    /// Starts the operator number `number` at the world's time `now`.
    pub fn start(number: usize, world: &Shared, settings: Settings, now: i64) -> Self {
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        world.lock().expect("no panic").reads.remove(&number);
        let (link, ended) = runtime.block_on(async {
            let link = Link {
                number,
                world: Arc::clone(world),
                started_at: (now, Instant::now()),
                alive: Arc::new(AtomicBool::new(true)),
                died: Arc::new(Notify::new()),
            };
            let service = {
                let link = link.clone();
                tower::service_fn(move |request| link.clone().request(request))
            };
            let environment = Environment {
                client: Client::new(service, "default"),
                dial: Arc::new(link.clone()),
                time: Arc::new(link.clone()),
            };
            let token = stop.clone();
            let ended = tokio::spawn(async move { run::run(environment, &settings, token).await });
            (link, ended)
        });
        Self {
            runtime,
            link,
            stop,
            ended,
        }
    }

    /// How many tasks it has.
    pub fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }

    /// Asks the process to end, as SIGTERM does.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The process was paused for `millis`: its clock went on, and it did nothing.
    pub fn wake_after(&self, millis: u64) {
        self.runtime
            .block_on(tokio::time::advance(Duration::from_millis(millis)));
    }

    /// Lets `millis` pass for this process. Returns false if it died or ended.
    pub fn run(&mut self, millis: u64) -> bool {
        let died = Arc::clone(&self.link.died);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = died.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(millis)) => {}
            }
        });
        self.link.is_alive() && !self.ended.is_finished()
    }
}

impl Link {
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }

    pub fn now(&self) -> i64 {
        let (time, instant) = self.started_at;
        time + i64::try_from(instant.elapsed().as_millis()).unwrap_or(0)
    }

    fn die(&self) {
        self.alive.store(false, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// One request to the API server.
    async fn request(
        self,
        request: Request<Body>,
    ) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.expect("a body");
        tokio::time::sleep(WAY).await;
        let call = Call {
            by: self.number,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        let Some((answer, fault)) = self.carry_out(&call) else {
            return std::future::pending().await;
        };
        let back = match fault {
            Some(Fault::AnswerLate(millis)) => Duration::from_millis(millis),
            _ => WAY,
        };
        tokio::time::sleep(back).await;
        let (code, body) = match answer {
            Answer::Object(code, object) => (code, BodyExt::boxed(Full::from(object.to_string()))),
            Answer::Watch(lines) => {
                let lines = futures::stream::unfold(lines, async |mut lines| {
                    Some((lines.recv().await?, lines))
                });
                let frames = lines.map(|line| Ok(Frame::data(Bytes::from(line))));
                (200, BodyExt::boxed(StreamBody::new(frames)))
            }
        };
        let response = Response::builder().status(code).body(body);
        Ok(response.expect("a response"))
    }

    /// The API server's answer and what goes wrong; `None` if the process does not live to see it.
    fn carry_out(&self, call: &Call<'_>) -> Option<(Answer, Option<Fault>)> {
        if !self.is_alive() {
            return None;
        }
        let mut world = self.world.lock().expect("no panic");
        world.workload.now = self.now();
        let index = world.requests;
        world.requests += 1;
        let is_trapped =
            |trap: &mut Trap| call.method == trap.method && call.path.contains(trap.path);
        let fault = world.fault.take_if(|(at, _)| *at == index);
        let fault = fault.map(|(_, fault)| fault);
        let fault = fault.or_else(|| Some(world.trap.take_if(is_trapped)?.fault));
        let now = self.now();
        let line = format!(
            "{now} {index} by {} {} {}",
            self.number, call.method, call.path
        );
        if fault == Some(Fault::Lost) {
            world.log.push(format!("{line}: lost"));
            return None;
        }
        if fault == Some(Fault::CrashBefore) {
            world.log.push(format!("{line}: the process dies before"));
            self.die();
            return None;
        }
        let answer = match fault {
            Some(Fault::Refused(code)) => refuse(code, "Refused"),
            Some(Fault::Expired | Fault::Ended) if call.is_watch() => {
                Answer::Watch(watch::ended(fault == Some(Fault::Expired)))
            }
            _ if !world.allows(call) => refuse(403, "Forbidden"),
            _ => world.answer(call),
        };
        let code = match &answer {
            Answer::Object(code, _) => *code,
            Answer::Watch(_) => 200,
        };
        world.log.push(format!("{line} {} {code}", call.body));
        if fault == Some(Fault::CrashAfter) {
            world.log.push(format!("{line}: the process dies after"));
            self.die();
            return None;
        }
        Some((answer, fault))
    }
}

impl TimeSource for Link {
    fn wall(&self) -> Time {
        let world = self.world.lock().expect("no panic");
        Time(self.now() + world.suspended + world.clock_step)
    }

    fn uptime(&self) -> Duration {
        let suspended = self.world.lock().expect("no panic").suspended;
        Duration::from_millis(u64::try_from(self.now() + suspended).unwrap_or(0))
    }
}

impl Dial for Link {
    fn dial(&self, _: Address) -> BoxFuture<'static, Result<Box<dyn ByteStream>, NotConnected>> {
        let link = self.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(redis_server::serve(theirs, link));
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        }
        .boxed()
    }
}
