//! Where a Service of the cluster is, asked of the cluster's DNS itself: the system's resolver follows an alias and does
//! not tell, and a Service of type `ExternalName` is an alias to wherever its author likes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// More servers are not asked, as with the system's resolver.
const MAX_SERVERS: usize = 3;
/// How long a server may take before the next one is asked.
const PATIENCE: Duration = Duration::from_millis(300);
const DEFAULT_DOMAIN: &str = "cluster.local";
/// The largest answer that fits into a datagram without an agreement about more. One that is cut has enough addresses.
const MAX_ANSWER: usize = 1232;

/// The types of the records that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Record {
    A = 1,
    Aaaa = 28,
}

/// What the DNS knows of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has these addresses itself.
    Addresses(Vec<IpAddr>),
    /// It is another name for something.
    Alias,
}

/// The DNS of the cluster.
#[derive(Clone, Debug)]
pub(super) struct ClusterDns {
    servers: Vec<SocketAddr>,
    /// What the names of Services end with, such as `cluster.local`.
    domain: String,
}

impl ClusterDns {
    /// As this pod is configured to use it.
    pub fn of_this_pod() -> Self {
        Self::parse(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default())
    }

    fn parse(config: &str) -> Self {
        let mut servers = Vec::new();
        let mut domain = DEFAULT_DOMAIN.to_owned();
        for line in config.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let server = words.next().and_then(|ip| ip.parse::<IpAddr>().ok());
                    servers.extend(server.map(|ip| SocketAddr::new(ip, 53)));
                }
                Some("search") => {
                    if let Some(found) = words.find_map(|word| word.strip_prefix("svc.")) {
                        found.trim_end_matches('.').clone_into(&mut domain);
                    }
                }
                _ => {}
            }
        }
        servers.truncate(MAX_SERVERS);
        Self { servers, domain }
    }

    #[cfg(test)]
    pub fn at(server: SocketAddr) -> Self {
        Self {
            servers: vec![server],
            domain: DEFAULT_DOMAIN.to_owned(),
        }
    }

    /// What the names of Services end with.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What the DNS knows of the Service, or of the pod of a Service, with this full name.
    pub async fn look_up(&self, name: &str) -> io::Result<Answer> {
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for server in &self.servers {
            match tokio::time::timeout(PATIENCE, look_up_at(*server, name)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => error = failure,
                Err(_) => error = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(error)
    }
}

async fn look_up_at(server: SocketAddr, name: &str) -> io::Result<Answer> {
    for record in [Record::A, Record::Aaaa] {
        match ask(server, name, record).await? {
            Answer::Addresses(addresses) if addresses.is_empty() => {}
            answer => return Ok(answer),
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

async fn ask(server: SocketAddr, name: &str, record: Record) -> io::Result<Answer> {
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let question = Question {
        id: fastrand::u16(..),
        name,
        record,
    };
    let request = question.encode();
    socket.send(&request).await?;
    let mut answer = [0; MAX_ANSWER];
    loop {
        let length = socket.recv(&mut answer).await?;
        // What does not answer this question is late, or not from the server.
        if let Some(found) = question.answer(&request, &answer[..length]) {
            return found;
        }
    }
}

struct Question<'a> {
    id: u16,
    name: &'a str,
    record: Record,
}

impl Question<'_> {
    fn encode(&self) -> Vec<u8> {
        let mut message = Vec::from(self.id.to_be_bytes());
        // A recursive query with one question.
        message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.split('.') {
            message.push(u8::try_from(label.len()).unwrap_or_default());
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend((self.record as u16).to_be_bytes());
        message.extend([0, 1]);
        message
    }

    /// What `message` says; `None` if it is no answer to this question, which was sent as `request`.
    fn answer(&self, request: &[u8], message: &[u8]) -> Option<io::Result<Answer>> {
        let header = message.get(..12)?;
        let question = request.get(12..)?;
        let is_answer = header[..2] == request[..2] && header[2] & 0x80 != 0;
        if !is_answer || !message.get(12..)?.starts_with(question) {
            return None;
        }
        match header[3] & 0x0f {
            0 => {}
            3 => return Some(Err(io::ErrorKind::NotFound.into())),
            _ => return Some(Err(io::Error::other("the cluster's DNS failed"))),
        }
        let count = u16::from_be_bytes([header[6], header[7]]);
        Some(Ok(self.records(message, 12 + question.len(), count)))
    }

    /// The answer in the records from `at` on. A record of another name, or an alias, makes it an alias: the server
    /// puts into its answer what it followed.
    fn records(&self, message: &[u8], mut at: usize, count: u16) -> Answer {
        let mut addresses = Vec::new();
        for _ in 0..count {
            let Some(record) = read_record(message, at) else {
                break;
            };
            if !record.name.eq_ignore_ascii_case(self.name) || record.kind == CNAME {
                return Answer::Alias;
            }
            if record.kind == self.record as u16 {
                addresses.extend(address(record.data));
            }
            at = record.end;
        }
        Answer::Addresses(addresses)
    }
}

const CNAME: u16 = 5;

struct ReadRecord<'a> {
    name: String,
    kind: u16,
    data: &'a [u8],
    end: usize,
}

fn read_record(message: &[u8], at: usize) -> Option<ReadRecord<'_>> {
    let (name, at) = read_name(message, at)?;
    let fixed = message.get(at..at + 10)?;
    let start = at + 10;
    let end = start + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    Some(ReadRecord {
        name,
        kind: u16::from_be_bytes([fixed[0], fixed[1]]),
        data: message.get(start..end)?,
        end,
    })
}

/// The name at `at`, and where what follows it begins.
fn read_name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut position = at;
    let mut end = None;
    // A name has at most 127 labels, and a pointer before each; a loop of pointers has no end.
    for _ in 0..256 {
        match usize::from(*message.get(position)?) {
            0 => return Some((labels.join("."), end.unwrap_or(position + 1))),
            length @ 1..=63 => {
                let label = message.get(position + 1..=position + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                position += 1 + length;
            }
            pointer @ 192.. => {
                end.get_or_insert(position + 2);
                let low = usize::from(*message.get(position + 1)?);
                position = (pointer - 192) * 256 + low;
            }
            _ => return None,
        }
    }
    None
}

fn address(data: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(data).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(data).ok().map(IpAddr::from))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The answer of a server with these records; a name that is empty is that of the question.
    pub fn reply(request: &[u8], records: &[(&str, u16, &[u8])]) -> Vec<u8> {
        let mut message = request.to_vec();
        message[2] = 0x81;
        message[7] = u8::try_from(records.len()).expect("few records");
        for (name, kind, data) in records {
            if name.is_empty() {
                message.extend([192, 12]);
            } else {
                for label in name.split('.') {
                    message.push(u8::try_from(label.len()).expect("a short label"));
                    message.extend(label.bytes());
                }
                message.push(0);
            }
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 5]);
            message.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
            message.extend(*data);
        }
        message
    }

    const QUESTION: Question<'_> = Question {
        id: 7,
        name: "redis.shop.svc.cluster.local",
        record: Record::A,
    };

    fn answer(records: &[(&str, u16, &[u8])]) -> Answer {
        let request = QUESTION.encode();
        let answer = QUESTION.answer(&request, &reply(&request, records));
        answer.expect("an answer").expect("no failure")
    }

    #[test]
    fn a_service_has_its_addresses_itself() {
        let expected = vec![IpAddr::from([10, 0, 0, 7]), IpAddr::from([10, 0, 0, 8])];
        let found = answer(&[
            ("", 1, &[10, 0, 0, 7]),
            ("Redis.Shop.svc.cluster.local", 1, &[10, 0, 0, 8]),
        ]);
        assert_eq!(found, Answer::Addresses(expected));
    }

    #[test]
    fn an_external_name_is_an_alias_in_whatever_order_the_records_come() {
        let alias = b"\x02db\x04evil\x00".as_slice();
        let target = ("db.evil", 1, [10, 0, 0, 7].as_slice());
        assert_eq!(answer(&[("", CNAME, alias), target]), Answer::Alias);
        assert_eq!(answer(&[target, ("", CNAME, alias)]), Answer::Alias);
        assert_eq!(answer(&[target]), Answer::Alias);
    }

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let request = QUESTION.encode();
        let good = reply(&request, &[("", 1, &[10, 0, 0, 7])]);
        let mut other_id = good.clone();
        other_id[1] ^= 1;
        let mut other_name = good.clone();
        other_name[13] = b'x';
        for message in [&other_id, &other_name, &request, &good[..11].to_vec()] {
            assert!(QUESTION.answer(&request, message).is_none());
        }
        let mut unknown = good;
        unknown[3] = 3;
        let failure = QUESTION.answer(&request, &unknown).expect("an answer");
        assert_eq!(
            failure.expect_err("no such name").kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_malformed_answer_has_no_address() {
        let request = QUESTION.encode();
        let mut looped = reply(&request, &[("", 1, &[10, 0, 0, 7])]);
        looped[request.len() + 1] = u8::try_from(request.len()).expect("a short request");
        let cut = &reply(&request, &[("", 1, &[10, 0, 0, 7])])[..request.len() + 9];
        for message in [&looped, cut] {
            let found = QUESTION.answer(&request, message).expect("an answer");
            assert_eq!(
                found.expect("no failure"),
                Answer::Addresses(vec![]),
                "{message:?}"
            );
        }
    }

    #[test]
    fn the_pods_configuration_names_servers_and_domain() {
        let dns = ClusterDns::parse(
            "search ops.svc.example.org svc.example.org example.org lan\nnameserver 10.96.0.10\noptions ndots:5\n",
        );
        assert_eq!(dns.domain(), "example.org");
        assert_eq!(dns.servers, [([10, 96, 0, 10], 53).into()]);
        assert_eq!(ClusterDns::parse("").domain(), "cluster.local");
    }
}
