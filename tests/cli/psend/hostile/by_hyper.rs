//! What hyper makes of the first answer of a row.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;

use super::server::{Plays, Server};

/// The status, if the answer is whole within this time.
pub(super) fn status(plays: &Plays, within: Duration) -> Option<u16> {
    let server = Server::start(plays, None, false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(within, answer(&server)).await.ok()? })
}

async fn answer(server: &Server) -> Option<u16> {
    let stream = tokio::net::TcpStream::connect(server.address()).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let body = Full::new(bytes::Bytes::from_static(b"{\"event_id\":\"evt_1\"}"));
    let request = hyper::Request::post("/").header("host", "localhost").body(body).expect("a request");
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some(status)
}
