//! The operator in a process of its own.

use anyhow::{Context, Result, ensure};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The operator in a process of its own.
pub struct Operator {
    child: Child,
    listen: String,
    /// Where everyone may see the dashboard.
    pub dashboard: String,
}

impl Operator {
    /// Starts it for these namespaces, with this kubeconfig or else that of the environment.
    pub fn start(namespaces: &str, kubeconfig: Option<&Path>) -> Result<Self> {
        let free_address =
            || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let listen = free_address()?.to_string();
        let dashboard = free_address()?.to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_workerpool-operator"))
            .args([
                "--listen",
                &listen,
                "--dashboard",
                &dashboard,
                "--dashboard-auth=none",
                "--namespaces",
                namespaces,
                "--log",
                "warn",
            ])
            .envs(kubeconfig.map(|it| ("KUBECONFIG", it)))
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self {
            child,
            listen,
            dashboard,
        })
    }

    /// Waits for readiness and 8 s more, so that the first polls are over.
    pub async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect(&self.listen).await {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                stream
                    .write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .await?;
                let mut response = String::new();
                stream.read_to_string(&mut response).await?;
                if response.contains(" 200 ") {
                    break;
                }
            }
            ensure!(
                Instant::now() < deadline,
                "the operator did not become ready"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok(())
    }

    /// The CPU time used so far, and the current time.
    pub fn usage(&self) -> Result<(Duration, Instant)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .context("stat")?
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // Linux counts in ticks of 10 ms.
        Ok((Duration::from_millis(ticks * 10), Instant::now()))
    }

    /// The mean mCPU since `before`, and the current resident memory in MiB.
    pub fn since(&self, before: (Duration, Instant)) -> Result<(f64, f64)> {
        let (cpu_time, now) = self.usage()?;
        let cpu = cpu_time.saturating_sub(before.0).as_secs_f64()
            / now.duration_since(before.1).as_secs_f64()
            * 1000.0;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("VmRSS")?;
        let kib: f64 = resident.trim().trim_end_matches(" kB").parse()?;
        Ok((cpu, kib / 1024.0))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
