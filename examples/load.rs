use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let addr = a[1].trim_start_matches("http://").to_owned();
    let conc: usize = a[2].parse().unwrap();
    let total: usize = a[3].parse().unwrap();
    let base: usize = a[4].parse().unwrap();
    let lines: Vec<String> = std::fs::read_to_string(&a[5]).unwrap().lines().map(|s| s.to_owned()).collect();
    let lines: Arc<Vec<(String, String)>> = Arc::new(
        lines
            .iter()
            .map(|l| {
                let i = l.find("\"event_id\"").unwrap();
                let rest = &l[i + 10..];
                let c = rest.find('"').unwrap() + 1;
                let e = rest[c..].find('"').unwrap() + c;
                (l[..i + 10 + c].to_owned(), rest[e..].to_owned())
            })
            .collect(),
    );
    let next = Arc::new(AtomicUsize::new(0));
    let t = std::time::Instant::now();
    let mut hs = vec![];
    for _ in 0..conc {
        let (addr, next, lines) = (addr.clone(), next.clone(), lines.clone());
        hs.push(tokio::spawn(async move {
            let mut s = tokio::net::TcpStream::connect(&addr).await.unwrap();
            s.set_nodelay(true).unwrap();
            let mut ok = 0; let mut lat = vec![];
            let mut buf = vec![0u8; 8192]; let mut req = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= total { break; }
                let (p, q) = &lines[n % lines.len()];
                let id = format!("evt_{}_{:012x}", base + n, (base + n).wrapping_mul(0x9E3779B97F4A7C15) & 0xffffffffffff);
                req.clear();
                let len = p.len() + id.len() + q.len();
                req.extend_from_slice(format!("POST /api/v1/ingestion/events HTTP/1.1\r\nhost: x\r\nx-api-key: test-api-key-12345\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n").as_bytes());
                req.extend_from_slice(p.as_bytes()); req.extend_from_slice(id.as_bytes()); req.extend_from_slice(q.as_bytes());
                let t0 = std::time::Instant::now();
                s.write_all(&req).await.unwrap();
                let mut have = 0;
                loop {
                    let r = s.read(&mut buf[have..]).await.unwrap(); assert!(r > 0); have += r;
                    if let Some(h) = buf[..have].windows(4).position(|w| w == b"\r\n\r\n") {
                        let head = std::str::from_utf8(&buf[..h]).unwrap().to_lowercase();
                        let cl: usize = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
                        if have >= h + 4 + cl { if &buf[9..12] == b"200" { ok += 1 } break; }
                    }
                }
                lat.push(t0.elapsed().as_micros() as u64);
            }
            (ok, lat)
        }));
    }
    let mut ok = 0;
    let mut lat = vec![];
    for h in hs {
        let (o, l) = h.await.unwrap();
        ok += o;
        lat.extend(l);
    }
    lat.sort();
    let el = t.elapsed().as_secs_f64();
    println!(
        "{ok} ok of {total} in {el:.2}s: {:.0}/s p50 {}us p99 {}us",
        total as f64 / el,
        lat[lat.len() / 2],
        lat[lat.len() * 99 / 100]
    );
}
