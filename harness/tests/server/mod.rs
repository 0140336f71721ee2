//! A web server for one browser: files below a directory, and a trace.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Serves as long as the process lives: the files below `root`, and `trace` as `/trace`.
pub(crate) fn serve(root: PathBuf, trace: Vec<u8>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let site = Arc::new((root, trace));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&site);
            // A browser may open connections and ask nothing of them.
            thread::spawn(move || answer(stream, &site.0, &site.1));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, root: &Path, trace: &[u8]) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let file: PathBuf = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let content = match path {
        "/" => fs::read(root.join("index.html")).ok(),
        "/trace" => Some(trace.to_vec()),
        _ => fs::read(root.join(&file)).ok(),
    };
    let kind = match file.extension().and_then(|end| end.to_str()).unwrap_or("html") {
        "js" => "text/javascript",
        "css" => "text/css",
        "wasm" => "application/wasm",
        "json" => "application/json",
        _ if path == "/" => "text/html",
        _ => "application/octet-stream",
    };
    let state = if content.is_some() { "200 OK" } else { "404 Not Found" };
    let content = content.unwrap_or_default();
    let length = content.len();
    write!(
        stream,
        "HTTP/1.1 {state}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&content)
}
