//! The minimal path from a push to a patched scale.

use crate::trials::NAMESPACE;
use crate::trials::Redis;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use queues::Queue;
use redis::PushInfo;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use testkit::api_server::ApiServer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// One connection to Redis, which notifies of a queue, and one to the API server.
pub struct Floor {
    queue: Queue,
    redis: MultiplexedConnection,
    notifications: UnboundedReceiver<PushInfo>,
    deployments: Api<Deployment>,
}

impl Floor {
    pub async fn connect(redis: &Redis<'_>, queue: Queue, server: &ApiServer) -> Self {
        let (sender, notifications) = unbounded_channel();
        let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
        let client = redis.client(queue.name());
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut redis = connection.await.expect("a connection");
        let mut tracking = redis::cmd("CLIENT");
        let tracking = tracking.arg("TRACKING").arg("ON").exec_async(&mut redis);
        tracking.await.expect("notifications");
        let address = format!("http://{}", server.address());
        let config = kube::Config::new(address.parse().expect("an address"));
        let client = kube::Client::try_from(config).expect("a client");
        Self {
            queue,
            redis,
            notifications,
            deployments: Api::namespaced(client, NAMESPACE),
        }
    }

    /// Reads the keys that the operator has tracked, so that Redis notifies of their next change.
    pub async fn arm(&mut self) {
        for read in self.queue.tracked_reads() {
            read.exec_async(&mut self.redis).await.expect("a read");
        }
        while self.notifications.try_recv().is_ok() {}
    }

    /// Waits for a notification, looks at the queue, and patches the scale.
    pub async fn react(&mut self, replicas: i32) {
        self.notifications.recv().await.expect("a notification");
        let read = redis::cmd("EXISTS").arg(self.queue.wake_keys()).take();
        read.exec_async(&mut self.redis).await.expect("a read");
        let name = self.queue.name();
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name}, "spec": {"replicas": replicas}});
        let params = PatchParams::apply("floor").force();
        let patch = Patch::Apply(&scale);
        let patched = self.deployments.patch_scale(name, &params, &patch);
        patched.await.expect("a scale");
    }
}
