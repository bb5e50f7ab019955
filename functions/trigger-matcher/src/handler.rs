//! Queue message in, use case, word for SQS out.

use patchbay_app::matching::Matcher;
use patchbay_aws::lambda::{Handled, Message};
use patchbay_domain::envelope::EventMessage;

/// One message of the events queue. An error means that it comes again.
pub(crate) async fn handle(app: &Matcher, message: Message) -> anyhow::Result<Handled> {
    let ends_at = message.ends_at;
    app.handle_message(message.parse::<EventMessage>()?, ends_at).await
}
