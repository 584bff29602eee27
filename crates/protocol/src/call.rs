//! A Lua script with its keys and arguments, and the type of its reply.

use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs,
};
use std::marker::PhantomData;

/// A worker's script: `common.lua` followed by the named files.
macro_rules! script {
    ($($file:literal),+) => {
        LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), $(include_str!($file)),+)))
    };
}
pub(super) use script;

/// A script with its keys and arguments, whose reply is a `T`.
#[must_use = "a script call does nothing until it is run"]
#[derive(Debug)]
pub struct ScriptCall<T> {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
    reply: PhantomData<fn() -> T>,
}

impl<T: FromRedisValue> ScriptCall<T> {
    pub(super) fn new<const N: usize>(script: &'static Script, keys: [String; N]) -> Self {
        Self {
            script,
            keys: keys.into(),
            args: Vec::new(),
            reply: PhantomData,
        }
    }

    pub(super) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
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

    /// Runs the script, and loads it first if the server does not have it cached.
    pub async fn run(&self, connection: &mut impl redis::aio::ConnectionLike) -> RedisResult<T> {
        match self.command().query_async(connection).await {
            Err(error) if unknown_script(&error) => {
                self.load(connection).await?;
                self.command().query_async(connection).await
            }
            reply => reply,
        }
    }

    /// [`Self::run`] for a thread without an async runtime.
    pub fn run_blocking(&self, connection: &mut dyn redis::ConnectionLike) -> RedisResult<T> {
        match self.command().query(connection) {
            Err(error) if unknown_script(&error) => {
                self.script.load(connection)?;
                self.command().query(connection)
            }
            reply => reply,
        }
    }
}

fn unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
