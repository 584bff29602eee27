//! The floor: the minimal path LPUSH → CLIENT TRACKING notification → LLEN → one apply of /scale.

use crate::PAUSE;
use crate::replicas::Replicas;
use crate::times::Times;
use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, PushInfo};
use serde_json::json;
use std::time::Instant;
use testkit::redis::RedisServer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub const NAME: &str = "floor";

pub struct Floor {
    reader: MultiplexedConnection,
    notifications: UnboundedReceiver<PushInfo>,
    api: Api<Deployment>,
    /// Until the patch is confirmed.
    pub patched: Times,
}

impl Floor {
    pub async fn new(server: &RedisServer, api: Api<Deployment>) -> Result<Self> {
        let (sender, notifications) = unbounded_channel();
        let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
        let url = format!("{}/?protocol=resp3", server.url());
        let mut reader = redis::Client::open(url)?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        redis::cmd("CLIENT")
            .arg("TRACKING")
            .arg("ON")
            .exec_async(&mut reader)
            .await?;
        Ok(Self {
            reader,
            notifications,
            api,
            patched: Times::default(),
        })
    }

    /// Measures until a watch shows the new scale, `trials` times.
    pub async fn measure(
        &mut self,
        trials: usize,
        redis: &mut MultiplexedConnection,
        replicas: &mut Replicas,
        shown: &mut Times,
    ) -> Result<()> {
        for _ in 0..trials {
            redis.del::<_, ()>(NAME).await?;
            self.reader.llen::<_, i64>(NAME).await?;
            tokio::time::sleep(PAUSE).await;
            while self.notifications.try_recv().is_ok() {}
            let wanted = replicas.of(NAME) % 2 + 1;
            let start = Instant::now();
            let mut producer = redis.clone();
            let push = tokio::spawn(async move { producer.lpush::<_, _, i64>(NAME, "x").await });
            self.notifications.recv().await;
            self.reader.llen::<_, i64>(NAME).await?;
            let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": NAME}, "spec": {"replicas": wanted}});
            let params = PatchParams::apply(NAME).force();
            self.api
                .patch_scale(NAME, &params, &Patch::Apply(&scale))
                .await?;
            self.patched.add(start.elapsed());
            replicas.wait(NAME, |now| now == wanted).await?;
            shown.add(start.elapsed());
            push.await??;
        }
        Ok(())
    }
}
