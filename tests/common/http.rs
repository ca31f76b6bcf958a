//! Smart HTTP: a small server that runs `git http-backend`, and misbehaves as the test asks.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::TestEnv;
use super::faults::{Fault, Plan, Transport};

/// The server of one bare repository. It ends with the test's process.
pub struct Http {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    bare: PathBuf,
    plan: Plan,
    keep_alive: bool,
    late: AtomicUsize,
    gate: AtomicBool,
    reached: AtomicBool,
}

struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Http {
    /// A server that closes each connection after one answer, or keeps it open: then curl repeats
    /// by itself a request whose connection breaks before the answer.
    pub fn serve(bare: &Path, keep_alive: bool, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hub.git", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            bare: bare.to_owned(),
            plan: Plan::new(seed),
            keep_alive,
            late: AtomicUsize::new(0),
            gate: AtomicBool::new(false),
            reached: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&server);
                // A client that goes away is none of the server's business.
                std::thread::spawn(move || drop(shared.connection(&stream)));
            }
        });
        Http { url, shared }
    }

    /// Lets `clone` reach the repository in this way.
    pub fn connect(&self, clone: &TestEnv) {
        clone.git_in(&self.shared.bare, &["config", "http.receivepack", "true"]);
        clone.git(&["config", "http.proxy", ""]);
        clone.git(&["config", "remote.origin.url", &self.url]);
    }
}

impl Transport for Http {
    fn set(&self, faults: &[Fault]) {
        self.shared.plan.set(faults);
    }

    fn once(&self, fault: Fault) {
        self.shared.plan.once(fault);
    }

    fn is_reached(&self) -> bool {
        self.shared.reached.load(Ordering::SeqCst)
    }

    fn open(&self) {
        self.shared.gate.store(true, Ordering::SeqCst);
    }

    fn late(&self) -> usize {
        self.shared.late.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn connection(self: &Arc<Self>, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader)? {
            let pushes = request.line.contains("/git-receive-pack ");
            let fault = self.plan.next(request.line.contains("service=git-receive-pack"), pushes);
            let Some(answer) = self.answer(request, pushes, fault) else { return Ok(()) };
            (&mut &*stream).write_all(&answer)?;
            if !self.keep_alive {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What goes back; `None` when the connection just ends.
    fn answer(self: &Arc<Self>, request: Request, pushes: bool, fault: Fault) -> Option<Vec<u8>> {
        match fault {
            Fault::Refuse => return None,
            Fault::HangUp => return Some(bad_gateway()),
            Fault::Slow => std::thread::sleep(Duration::from_millis(300)),
            Fault::Gate if request.line.contains("git-receive-pack") => self.wait_at_the_gate(),
            Fault::Held if pushes => self.wait_at_the_gate(),
            _ => {}
        }
        if !pushes {
            return Some(self.backend(&request));
        }
        match fault {
            Fault::Lost => drop(self.backend(&request)),
            Fault::Late => {
                let shared = Arc::clone(self);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_secs(1));
                    shared.backend(&request);
                    shared.late.fetch_add(1, Ordering::SeqCst);
                });
            }
            Fault::Twice => {
                self.backend(&request);
                return Some(self.backend(&request));
            }
            Fault::Doubled => {
                return std::thread::scope(|scope| {
                    scope.spawn(|| self.backend(&request));
                    Some(self.backend(&request))
                });
            }
            _ => return Some(self.backend(&request)),
        }
        None
    }

    fn wait_at_the_gate(&self) {
        self.reached.store(true, Ordering::SeqCst);
        while !self.gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs `git http-backend` (RFC 3875) and turns its output into an answer.
    fn backend(&self, request: &Request) -> Vec<u8> {
        let mut words = request.line.split(' ');
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |name: &str| {
            let found = request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let mut child = Command::new("git")
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_PROJECT_ROOT", self.bare.parent().unwrap())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
            .env("GIT_PROTOCOL", header("git-protocol"))
            .env("REMOTE_USER", "ada")
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The backend reads everything before it answers, or has nothing to read.
        let _ = child.stdin.take().unwrap().write_all(&request.body);
        let output = child.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(output.len());
        let (head, body) = (&output[..end], output.get(end + 4..).unwrap_or_default());
        let head = String::from_utf8_lossy(head);
        let status = head.lines().find_map(|l| l.strip_prefix("Status: ")).unwrap_or("200 OK");
        let fields = head.lines().filter(|l| !l.starts_with("Status: "));
        let fields: String = fields.map(|l| format!("{l}\r\n")).collect();
        let close = if self.keep_alive { "" } else { "Connection: close\r\n" };
        let length = body.len();
        let mut answer =
            format!("HTTP/1.1 {status}\r\n{fields}{close}Content-Length: {length}\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        answer
    }
}

fn bad_gateway() -> Vec<u8> {
    b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()
}

/// Reads one line without its end; empty at the end of the connection.
fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    reader.read_line(&mut text)?;
    Ok(text.trim_end().to_owned())
}

/// Reads one request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let first = line(reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut headers = Vec::new();
    while let Some((name, value)) = line(reader)?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let mut body = Vec::new();
    if value("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16).unwrap_or(0);
            let begin = body.len();
            body.resize(begin + size, 0);
            reader.read_exact(&mut body[begin..])?;
            line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = value("content-length").and_then(|v| v.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    }
    Ok(Some(Request { line: first, headers, body }))
}
