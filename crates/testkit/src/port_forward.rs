//! The API server's port-forward to a pod: a WebSocket whose frames carry the bytes of a local port.

use std::io::{BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

/// What begins each frame: the data of the first port, and its errors.
const DATA: u8 = 0;
const ERROR: u8 = 1;

/// Answers the upgrade with `key`, and forwards to `port` of this machine until either side closes.
pub(crate) fn serve(
    reader: &mut impl BufRead,
    client: &TcpStream,
    key: &str,
    port: u16,
) -> Option<()> {
    let mut writer = client;
    let accept = accept(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: v4.channel.k8s.io\r\n\r\n"
    );
    writer.write_all(head.as_bytes()).ok()?;
    for channel in [DATA, ERROR] {
        send(&mut writer, channel, &port.to_le_bytes())?;
    }
    let mut redis = match TcpStream::connect(("127.0.0.1", port)) {
        Ok(redis) => redis,
        Err(error) => return send(&mut writer, ERROR, error.to_string().as_bytes()),
    };
    let (mut answers, mut back) = (redis.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let mut bytes = [0; 16_384];
        while let Ok(count @ 1..) = answers.read(&mut bytes) {
            if send(&mut back, DATA, &bytes[..count]).is_none() {
                break;
            }
        }
        let _ = back.write_all(&[0x88, 0]); // the end
        let _ = back.shutdown(Shutdown::Both);
    });
    while let Some(frame) = receive(reader) {
        if redis.write_all(frame.get(1..).unwrap_or_default()).is_err() {
            break;
        }
    }
    redis.shutdown(Shutdown::Both).ok()
}

/// The proof that the upgrade was understood.
fn accept(key: &str) -> String {
    let mut digest = Command::new("sh")
        .args(["-c", "openssl dgst -sha1 -binary | openssl base64"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut stdin = digest.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = digest.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn send(writer: &mut impl Write, channel: u8, bytes: &[u8]) -> Option<()> {
    let length = u16::try_from(bytes.len() + 1).unwrap();
    let mut frame = vec![0x82, 126];
    frame.extend(length.to_be_bytes());
    frame.push(channel);
    frame.extend(bytes);
    writer.write_all(&frame).ok()
}

/// The next frame with data; `None` at the end.
fn receive(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    loop {
        let [first, second] = bytes::<2>(reader)?;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(bytes(reader)?)),
            127 => u64::from_be_bytes(bytes(reader)?),
            short => short.into(),
        };
        let mask: [u8; 4] = bytes(reader)?;
        let mut data = vec![0; usize::try_from(length).ok()?];
        reader.read_exact(&mut data).ok()?;
        for (at, byte) in data.iter_mut().enumerate() {
            *byte ^= mask[at % 4];
        }
        match first & 0x0f {
            1 | 2 => return Some(data),
            8 => return None,
            _ => {}
        }
    }
}

fn bytes<const N: usize>(reader: &mut impl BufRead) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
