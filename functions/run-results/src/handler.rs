//! Queue message in, use case, word for SQS out.

use patchbay_app::results::{Results, ResultsMessage};
use patchbay_aws::lambda::{Handled, Message};

/// One message of the results queue. An error means that it comes again.
pub(crate) async fn handle(app: &Results, message: Message) -> anyhow::Result<Handled> {
    app.handle_message(ResultsMessage::parse(&message.body)?, message.ends_at).await
}
