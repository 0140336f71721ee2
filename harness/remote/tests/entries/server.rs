//! A server that speaks S3, over a directory.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

pub(crate) const ACCESS: &str = "access";
pub(crate) const SECRET: &str = "secret";

/// Serves the directory until the process ends. Each directory in it is a bucket.
pub(crate) fn serve(directory: &Path) -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let files = FileSystem::new(directory).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(accept(listener, service)));
    Ok(address)
}

async fn accept(listener: TcpListener, service: S3Service) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            // The server goes on when a client goes away.
            let _served = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
