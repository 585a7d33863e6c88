//! What servers say of themselves where they are monitored: when they sync, which they tell nobody
//! else.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use async_nats::jetstream::stream::{Info, StorageType};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::class::{Facts, ServerFacts, Syncs};

/// How long a server may take.
const WAIT: Duration = Duration::from_secs(2);
/// How much it may say. Bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// What is known of `stream` and of the servers that hold it. `connected` is the server that answers us:
/// one that stands alone does not name itself. Whoever does not answer at `addresses` is unknown.
pub async fn facts(stream: &Info, connected: &str, addresses: &[String]) -> Facts {
    let asked = addresses.iter().map(|address| async move {
        match timeout(WAIT, ask(address)).await {
            Ok(Ok(said)) => Some(said),
            Ok(Err(error)) => {
                tracing::warn!(address, %error, "a NATS server's monitoring cannot be asked");
                None
            }
            Err(_) => {
                tracing::warn!(address, "a NATS server's monitoring does not answer");
                None
            }
        }
    });
    let said: HashMap<String, Syncs> = join_all(asked).await.into_iter().flatten().collect();
    let servers = holders(stream, connected)
        .into_iter()
        .map(|name| ServerFacts {
            syncs: said.get(&name).cloned().unwrap_or(Syncs::Unknown),
            name,
        });
    Facts {
        is_in_files: stream.config.storage == StorageType::File,
        replicas: stream.config.num_replicas,
        servers: servers.collect(),
    }
}

/// The names of the servers that hold the stream.
fn holders(stream: &Info, connected: &str) -> Vec<String> {
    let Some(cluster) = &stream.cluster else {
        return vec![connected.to_owned()];
    };
    let others = cluster.replicas.iter().map(|it| &it.name);
    let mut names: Vec<String> = cluster.leader.iter().chain(others).cloned().collect();
    if names.is_empty() {
        names.push(connected.to_owned());
    }
    names
}

/// A server's name and when it syncs.
async fn ask(address: &str) -> io::Result<(String, Syncs)> {
    let unusable = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let rest = address.strip_prefix("http://");
    let rest = rest.ok_or_else(|| unusable("it does not begin with http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    let mut server = TcpStream::connect(host).await?;
    // The version of HTTP in which an answer ends with its connection, and comes in one piece.
    let request = format!("GET {slash}{path}/varz HTTP/1.0\r\nHost: {host}\r\n\r\n");
    server.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    server
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    read(&answer).ok_or_else(|| unusable("what it answers is not of a NATS server"))
}

fn read(answer: &[u8]) -> Option<(String, Syncs)> {
    const BLANK: &[u8] = b"\r\n\r\n";
    let head = answer.windows(BLANK.len()).position(|it| it == BLANK)?;
    let status = answer.split(|byte| *byte == b' ').nth(1)?;
    if status != b"200" {
        return None;
    }
    let body: Value = serde_json::from_slice(answer.get(head + BLANK.len()..)?).ok()?;
    let name = body["server_name"].as_str()?.to_owned();
    let config = &body["jetstream"]["config"];
    let syncs = match (
        config["sync_always"].as_bool(),
        config["sync_interval"].as_u64(),
    ) {
        (Some(true), _) => Syncs::Always,
        (_, Some(nanoseconds)) => Syncs::Every(Duration::from_nanos(nanoseconds)),
        (_, None) => Syncs::Unknown,
    };
    Some((name, syncs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_known() {
        let answer = |status: u16, body: &str| {
            let text = format!("HTTP/1.0 {status} Said\r\nServer: x\r\n\r\n{body}");
            read(text.as_bytes()).map(|(_, syncs)| syncs)
        };
        let of = |config: &str| {
            answer(
                200,
                &format!(r#"{{"server_name":"one","jetstream":{{"config":{{{config}}}}}}}"#),
            )
        };
        let two_minutes = Syncs::Every(Duration::from_secs(120));
        let cases = [
            (
                r#""sync_interval":120000000000"#,
                Syncs::Every(Duration::from_secs(120)),
            ),
            (
                r#""sync_interval":120000000000,"sync_always":true"#,
                Syncs::Always,
            ),
            (
                r#""sync_interval":120000000000,"sync_always":false"#,
                two_minutes,
            ),
            (r#""sync_interval":"often""#, Syncs::Unknown),
            ("", Syncs::Unknown),
        ];
        for (config, expected) in cases {
            assert_eq!(of(config), Some(expected), "{config}");
        }
        assert_eq!(
            answer(200, r#"{"server_name":"one"}"#),
            Some(Syncs::Unknown)
        );
        assert_eq!(answer(503, r#"{"server_name":"one"}"#), None);
        assert_eq!(answer(200, "{}"), None);
        assert_eq!(answer(200, "<html>"), None);
        assert_eq!(read(b"HTTP/1.0 200 OK"), None);
    }
}
