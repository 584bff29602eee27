//! One script with its keys and arguments, and the type of its answer.

use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs,
};
use std::marker::PhantomData;

/// A worker's script: `common.lua` and the files named.
macro_rules! script {
    ($($file:literal),+) => {
        LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), $(include_str!($file)),+)))
    };
}
pub(super) use script;

/// A script ready to run, whose answer is a `T`.
#[derive(Debug)]
pub struct ScriptCall<T> {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
    answer: PhantomData<fn() -> T>,
}

impl<T: FromRedisValue> ScriptCall<T> {
    pub(super) fn new<const N: usize>(script: &'static Script, keys: [String; N]) -> Self {
        Self {
            script,
            keys: keys.into(),
            args: Vec::new(),
            answer: PhantomData,
        }
    }

    pub(super) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    fn command(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command
            .arg(self.script.get_hash())
            .arg(self.keys.len())
            .arg(&self.keys)
            .arg(&self.args);
        command
    }

    async fn load(&self, connection: &mut impl redis::aio::ConnectionLike) -> RedisResult<()> {
        self.script.load_async(connection).await.map(drop)
    }

    /// Runs the script; loads it first where the server does not know it.
    pub async fn run(&self, connection: &mut impl redis::aio::ConnectionLike) -> RedisResult<T> {
        match self.command().query_async(connection).await {
            Err(error) if unknown_script(&error) => {
                self.load(connection).await?;
                self.command().query_async(connection).await
            }
            answer => answer,
        }
    }

    /// [`Self::run`] for a thread without a runtime.
    pub fn run_blocking(&self, connection: &mut dyn redis::ConnectionLike) -> RedisResult<T> {
        match self.command().query(connection) {
            Err(error) if unknown_script(&error) => {
                self.script.load(connection)?;
                self.command().query(connection)
            }
            answer => answer,
        }
    }
}

fn unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
