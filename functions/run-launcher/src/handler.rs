//! Queue message in, use case, word for SQS out.

use patchbay_app::launch::Launcher;
use patchbay_aws::lambda::{Handled, Message};
use patchbay_domain::envelope::RunMessage;

/// One message of the runs queue. An error means that it comes again.
pub(crate) async fn handle(app: &Launcher, message: Message) -> anyhow::Result<Handled> {
    let ends_at = message.ends_at;
    app.handle_message(message.parse::<RunMessage>()?, ends_at).await
}
