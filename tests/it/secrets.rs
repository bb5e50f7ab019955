//! No secret leaves the place where it lives (I6, R47): the stack's own secrets are looked for in every log line.

use crate::world::{World, script};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[tokio::test(flavor = "multi_thread")]
async fn no_log_holds_a_secret() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Greet", &script("greet", &["write new.txt x\\n", "model hello"]))?;
    world.pull_request().await?;
    world.comment_with(number, "✅ Done").await?;
    world.settle().await?;

    let app = world.stack.forge().app();
    let key_line = app.private_key.lines().nth(1).context("a key")?.to_owned();
    let canaries = [app.webhook_secret.clone(), key_line, STANDARD.encode(&app.webhook_secret), hex::encode(&app.webhook_secret)];
    let mut read = 0;
    for entry in std::fs::read_dir(world.data.join("logs"))? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        read += text.lines().count();
        for canary in &canaries {
            assert!(!text.contains(canary.as_str()), "{} holds a secret", path.display());
        }
        for pattern in ["ghs_", "PATCHBAY_BOOTSTRAP_SECRET", "BEGIN RSA PRIVATE KEY", "x-access-token:"] {
            assert!(!text.contains(pattern), "{} holds {pattern}", path.display());
        }
    }
    assert!(read > 20, "the logs were really read: {read} lines");
    world.end().await;
    Ok(())
}
