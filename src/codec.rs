//! How messages are encoded: as prost does it, in buffers that fit the messages of this API. tonic's own are of 8 KiB, and
//! an open stream keeps one for as long as it lives.

use prost::Message;
use std::marker::PhantomData;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Room for a lease with all that goes along; larger messages make it grow.
const ROOM: usize = 1024;
/// Encoded bytes that are sent before more is encoded: tonic's own number.
const SENT: usize = 32 * 1024;

/// The codec of every method.
#[derive(Clone, Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(ROOM, SENT))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(ROOM, SENT))
    }
}
