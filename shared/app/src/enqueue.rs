//! An authentic delivery onto the events queue: compressed, in the message itself or, if it does not fit, in the
//! bucket with a pointer (R7). Shared by intake and by the reaper's recovery.

use patchbay_aws::blobs::{Blobs, delivery_key};
use patchbay_aws::compress::{compress, to_inline};
use patchbay_aws::queue::{MAX_MESSAGE_BYTES, Queue};
use patchbay_domain::envelope::{Body, Delivery, EventMessage};

/// What a message needs besides the body.
const ENVELOPE_BYTES: usize = 2_048;

/// Sends `delivery` with this payload, for this message group. One send; a blob write before it for what does not fit.
pub(crate) async fn enqueue(events: &Queue, blobs: &Blobs, mut delivery: Delivery, json: &[u8], group: &str) -> anyhow::Result<()> {
    let packed = compress(json);
    let fits = packed.len().div_ceil(3) * 4 + ENVELOPE_BYTES <= MAX_MESSAGE_BYTES;
    delivery.body = if fits {
        to_inline(&packed)
    } else {
        let key = delivery_key(delivery.provider, &delivery.id);
        blobs.put(&key, packed, "application/zstd").await?;
        Body::Stored(key)
    };
    events.send_text(EventMessage::V1(delivery).to_text()?, group, 0).await?;
    Ok(())
}
