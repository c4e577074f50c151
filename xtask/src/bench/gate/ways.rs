//! The ways to the API: directly, through the gate, and through nginx, which sets the header as the gate does.

use super::{
    super::{
        Bench,
        daemon::{LASTING, Measured},
    },
    upstream::{Body, Upstream},
};
use crate::sh;
use hyper::{Request, client::conn::http1::SendRequest, header::HOST};
use hyper_util::rt::TokioIo;
use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::Duration,
};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// A way to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    Gate,
    Nginx,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Direct, Self::Gate, Self::Nginx];
}

/// All of them, ready.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) upstream: Upstream,
    connector: Connector,
    gate: Gate,
    nginx: Nginx,
    /// The home that the gate's daemon lives in.
    measured: Measured,
}

/// TLS to the API.
struct Connector(TlsConnector);

/// A session that borrows through a gate, for as long as it lives.
#[derive(Debug)]
struct Gate {
    session: Child,
    socket: PathBuf,
    /// What stands in for the key.
    placeholder: String,
}

#[derive(Debug)]
struct Nginx {
    process: Child,
    socket: PathBuf,
}

impl Ways {
    /// Opens all of them. `is_http2`: what the gate speaks to the API; nginx knows HTTP/1.1 only.
    pub(super) fn open(bench: &Bench, is_http2: bool) -> sh::Result<Self> {
        let upstream = Upstream::start()?;
        let measured = Measured::empty(bench, LASTING)?;
        let home = measured.stage.home().to_owned();
        let authority = home.join("authority.pem");
        fs::write(&authority, &upstream.authority)?;
        let port = if is_http2 { upstream.http2 } else { upstream.http1 }.port();
        let config = format!(
            "[settings.env]\nANTHROPIC_BASE_URL = \"https://localhost:{port}\"\nNODE_EXTRA_CA_CERTS = {authority:?}\n"
        );
        fs::create_dir_all(home.join("home/.config/claviger"))?;
        fs::write(home.join("home/.config/claviger/config.toml"), config)?;
        let gate = Gate::open(&measured)?;
        let nginx = Nginx::start(&home, &authority, upstream.http1.port())?;
        let connector = Connector::of(&upstream.authority)?;
        Ok(Self { upstream, connector, gate, nginx, measured })
    }

    /// A connection of its own.
    pub(super) async fn connect(&self, way: Way) -> sh::Result<SendRequest<Body>> {
        match way {
            Way::Direct => {
                let stream = TcpStream::connect(self.upstream.http1).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("localhost")?;
                speak(self.connector.0.connect(name, stream).await?).await
            }
            Way::Gate => speak(UnixStream::connect(&self.gate.socket).await?).await,
            Way::Nginx => speak(UnixStream::connect(&self.nginx.socket).await?).await,
        }
    }

    /// A request with a body.
    pub(super) fn request(&self, path: &str, body: Body) -> sh::Result<Request<Body>> {
        let request =
            Request::post(path).header(HOST, "localhost").header("x-api-key", &self.gate.placeholder);
        Ok(request.body(body)?)
    }

    /// Process id of the program that serves the gate of this daemon. It is not a child of the daemon, which it outlives.
    pub(super) fn gate_pid(&self) -> sh::Result<u32> {
        let socket = self.measured.stage.socket();
        let serves = |process: &Path| {
            let program = fs::read_link(process.join("exe")).unwrap_or_default();
            let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
            program.ends_with("clavigerd-gate")
                && arguments
                    .split(|byte| *byte == 0)
                    .any(|word| word == socket.as_os_str().as_encoded_bytes())
        };
        let found =
            fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|process| serves(process));
        let name = found.as_deref().and_then(Path::file_name).and_then(OsStr::to_str);
        Ok(name.and_then(|name| name.parse().ok()).ok_or("no gate runs")?)
    }
}

/// Speaks HTTP/1.1 on a stream.
async fn speak<S>(stream: S) -> sh::Result<SendRequest<Body>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Connector {
    fn of(authority: &str) -> sh::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()))
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Gate {
    /// A session that says where its gate is, and waits.
    fn open(measured: &Measured) -> sh::Result<Self> {
        let script =
            "echo $ANTHROPIC_UNIX_SOCKET; echo $ANTHROPIC_API_KEY$ANTHROPIC_AUTH_TOKEN; exec sleep 100000";
        let project = measured.stage.project();
        let mut session = measured
            .stage
            .command(&project, &["exec", "--gate", "--", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(session.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> sh::Result<String> { Ok(lines.next().ok_or("the session ended")??) };
        Ok(Self { socket: line()?.into(), placeholder: line()?, session })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.session.kill());
        drop(self.session.wait());
    }
}

impl Nginx {
    fn start(home: &Path, authority: &Path, port: u16) -> sh::Result<Self> {
        let (socket, config) = (home.join("nginx.sock"), home.join("nginx.conf"));
        fs::write(&config, configuration(&socket, authority, port))?;
        let nginx = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx"];
        let program = nginx
            .iter()
            .find(|path| Path::new(path).exists())
            .ok_or("needs nginx (apt install nginx-light)")?;
        let mut command = Command::new(program);
        let process = command.arg("-p").arg(home).arg("-c").arg(&config).stderr(Stdio::null()).spawn()?;
        let nginx = Self { process, socket };
        for _ in 0..500 {
            if nginx.socket.exists() {
                return Ok(nginx);
            }
            sleep(Duration::from_millis(10));
        }
        Err("nginx does not start".into())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.process.id().to_string()).status());
        drop(self.process.wait());
    }
}

/// One worker that sets the key, keeps connections, checks the certificate and buffers nothing it need not.
fn configuration(socket: &Path, authority: &Path, port: u16) -> String {
    let (socket, authority) = (socket.display(), authority.display());
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 1000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream api {{ server localhost:{port}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen unix:{socket};
    location / {{
      proxy_pass https://api; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host localhost;
      proxy_set_header x-api-key sk-of-nginx; proxy_ssl_verify on; proxy_ssl_trusted_certificate {authority};
      proxy_ssl_name localhost; proxy_ssl_session_reuse on; proxy_buffering off; proxy_request_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"
    )
}
