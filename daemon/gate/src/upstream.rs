//! Connections to APIs, kept for the next request: one pool for each network.

use crate::{
    network::{FileState, Network},
    reach::{Connector, KEEP_ALIVE},
    tee::Outgoing,
};
use claviger::reason::Problem;
use http::Uri;
use http_body::Body;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// How long a connection waits for the next request. Load balancers close idle ones after a minute or more (AWS ALB: 60 s, nginx: 75 s);
/// a request that meets the closing of its connection is lost.
const IDLE: Duration = Duration::from_secs(20);
/// The same for a server on this machine, which usually runs on Node or Python: those close after 5 s.
const IDLE_NEAR: Duration = Duration::from_secs(3);
/// Most bytes of an answer in memory.
const BUFFER: usize = 64 * 1024;
/// Most headers of an answer.
const HEADERS: usize = 200;

/// A client of an API.
pub(crate) type Upstream = Client<Connector, Outgoing>;

/// The clients, by network, and whether their servers are on this machine.
#[derive(Default)]
pub(crate) struct Upstreams(Mutex<BTreeMap<(Network, bool), Made>>);

/// A client, and the state of the certificate files that it was made from.
struct Made {
    files: Vec<FileState>,
    upstream: Upstream,
}

// === impl Upstreams ===

impl Upstreams {
    /// The client for an API at `origin`.
    ///
    /// # Errors
    /// `settings-invalid` if the proxy or the certificates of the network are not valid.
    pub(crate) fn of(&self, network: &Network, origin: &Uri) -> Result<Upstream, Problem> {
        let is_near = origin.scheme_str() == Some("http");
        let mut known = claviger_private::lock(&self.0);
        let key = (network.clone(), is_near);
        // Certificates are renewed while a session lasts. Looked at before they are read, so that no change is missed.
        let files = network.files();
        if let Some(made) = known.get(&key).filter(|made| made.files == files) {
            return Ok(made.upstream.clone());
        }
        match (make(network, is_near), known.get(&key)) {
            (Ok(upstream), _) => {
                known.insert(key, Made { files, upstream: upstream.clone() });
                Ok(upstream)
            }
            // A certificate is written before its key, or the other way round.
            (Err(_), Some(last_good)) => Ok(last_good.upstream.clone()),
            (Err(problem), None) => Err(problem),
        }
    }
}

fn make<B>(network: &Network, is_near: bool) -> Result<Client<Connector, B>, Problem>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(if is_near { IDLE_NEAR } else { IDLE })
        .http1_max_buf_size(BUFFER)
        .http1_max_headers(HEADERS)
        .http2_max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE);
    Ok(builder.build(Connector::new(network)?))
}

#[cfg(test)]
mod tests {
    use super::make;
    use crate::network::Network;
    use bytes::Bytes;
    use http::Request;
    use http_body_util::{BodyExt as _, Empty};
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::sleep,
    };

    const HOUR: Duration = Duration::from_secs(60 * 60);

    #[tokio::test(start_paused = true)]
    async fn each_part_of_an_answer_may_take_any_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let api = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let asked = stream.read(&mut [0; 1024]).await.expect("a request");
            for part in ["HTTP/1.1 200 OK\r\n", "content-length: 2\r\n\r\n", "o", "k"] {
                sleep(HOUR).await;
                stream.write_all(part.as_bytes()).await.expect("the client waits");
            }
            asked
        });
        let client = make::<Empty<Bytes>>(&Network::of(&[].into()), true).expect("a client");
        let request = Request::get(url).body(Empty::new()).expect("a request");
        let answer = client.request(request).await.expect("an answer");
        assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "ok");
        assert!(api.await.expect("joined") > 0);
    }
}
