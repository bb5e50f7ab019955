//! Queue message in, use case, word for SQS out.

use anyhow::Context as _;
use patchbay_app::matching::Matcher;
use patchbay_aws::lambda::{Handled, Message};
use patchbay_domain::envelope::EventMessage;

/// One message of the events queue. An error means that it comes again.
pub(crate) async fn handle(app: &Matcher, message: Message) -> anyhow::Result<Handled> {
    app.handle_message(EventMessage::parse(&message.body).context("message body")?, message.ends_at).await
}
