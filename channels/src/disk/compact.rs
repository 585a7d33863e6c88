//! Numbers and texts in as few bytes as can be, for the records of the disk channel.
//!
//! A *number* is seven bits a byte, the lowest first, in as few bytes as can be. A *signed* number
//! is folded into one, so that what is near zero is short. A *text*, as other *bytes*, is its length in
//! bytes as a number, and then its bytes. *Rising* numbers are their count, the first, and what each is above the one
//! before.
//!
//! Reading believes nothing: a count is taken for true only as far as there are bytes for it, and
//! what could have been written shorter was not written here, so there is one way to write a thing.

/// The most bytes that a number takes up.
const NUMBER_BYTES_MAX: usize = 10;

/// Bytes that are not what was written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Puts numbers of which each is above the one before.
pub(super) fn put_rising(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u64>) {
    put_number(out, numbers.len() as u64);
    let mut before = 0;
    for number in numbers {
        put_number(out, number - before);
        before = number;
    }
}

/// What is not read yet.
#[derive(Debug)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed("it ends early"))?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for place in 0..NUMBER_BYTES_MAX {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if place == NUMBER_BYTES_MAX - 1 && bits > 1 {
                return Err(Malformed("a number is too large"));
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                if bits == 0 && place > 0 {
                    return Err(Malformed("a number is longer than it need be"));
                }
                return Ok(number);
            }
        }
        Err(Malformed("a number is too long"))
    }

    pub(super) fn short_number(&mut self) -> Result<u32, Malformed> {
        let number = u32::try_from(self.number()?);
        number.map_err(|_| Malformed("a number is too large"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(bytes)
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// A count of things that take up at least `least_bytes` each, all of which are still to come.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).ok();
        count
            .filter(|it| *it <= self.0.len() / least_bytes)
            .ok_or(Malformed("it ends early"))
    }

    pub(super) fn rising(&mut self) -> Result<Vec<u64>, Malformed> {
        let count = self.count(1)?;
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            let number = self.above(numbers.last().copied())?;
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// A number that was written as what it is above the one before, if there is one before.
    pub(super) fn above(&mut self, before: Option<u64>) -> Result<u64, Malformed> {
        let step = self.number()?;
        if before.is_some() && step == 0 {
            return Err(Malformed("numbers do not rise"));
        }
        let number = before.unwrap_or(0).checked_add(step);
        number.ok_or(Malformed("a number is too large"))
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            [..] => Err(Malformed("it goes on behind its end")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_as_short_as_can_be_and_read_back() {
        let cases: [(u64, &[u8]); 7] = [
            (0, &[0]),
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (
                1 << 63,
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
            ),
            (
                u64::MAX,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
        ];
        for (number, bytes) in cases {
            let mut written = Vec::new();
            put_number(&mut written, number);
            assert_eq!(written, bytes, "{number}");
            assert_eq!(Input::new(bytes).number(), Ok(number));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let cases: [(&[u8], &str); 6] = [
            (&[], "it ends early"),
            (&[0x80], "it ends early"),
            (&[0x80, 0], "a number is longer than it need be"),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                "a number is too large",
            ),
            (&[0x80; 11], "a number is too long"),
            (&[0xff; 11], "a number is too large"),
        ];
        for (bytes, why) in cases {
            assert_eq!(Input::new(bytes).number(), Err(Malformed(why)), "{bytes:?}");
        }
        let mut written = Vec::new();
        put_number(&mut written, 1 << 32);
        let refused = Input::new(&written).short_number();
        assert_eq!(refused, Err(Malformed("a number is too large")));
    }

    #[test]
    fn signed_numbers_near_zero_are_short() {
        let cases = [
            (0, 1),
            (-1, 1),
            (1, 1),
            (-64, 1),
            (64, 2),
            (i64::MIN, 10),
            (i64::MAX, 10),
        ];
        for (number, length) in cases {
            let mut written = Vec::new();
            put_signed(&mut written, number);
            assert_eq!(written.len(), length, "{number}");
            assert_eq!(Input::new(&written).signed(), Ok(number));
        }
    }

    #[test]
    fn rising_numbers_are_read_back_and_others_are_refused() {
        for numbers in [&[][..], &[0], &[0, 1], &[7, 8, 300, u64::MAX]] {
            let mut written = Vec::new();
            put_rising(&mut written, numbers.iter().copied());
            let mut input = Input::new(&written);
            assert_eq!(input.rising().as_deref(), Ok(numbers));
            assert_eq!(input.end(), Ok(()));
        }
        let max = &[
            3, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1,
        ][..];
        let cases: [(&[u8], &str); 4] = [
            (&[2, 5, 0], "numbers do not rise"),
            (&[2, 5], "it ends early"),
            (&[0xff, 0xff, 0xff, 0xff, 0x7f, 1], "it ends early"),
            (max, "a number is too large"),
        ];
        for (bytes, why) in cases {
            assert_eq!(Input::new(bytes).rising(), Err(Malformed(why)), "{bytes:?}");
        }
    }

    #[test]
    fn a_text_is_read_as_far_as_there_are_bytes_for_it() {
        let mut written = Vec::new();
        put_text(&mut written, "größe");
        assert_eq!(Input::new(&written).text(), Ok("größe"));
        assert_eq!(
            Input::new(&[3, b'a', b'b']).text(),
            Err(Malformed("it ends early"))
        );
        assert_eq!(
            Input::new(&[1, 0xff]).text(),
            Err(Malformed("a text is not UTF-8"))
        );
        let behind = Input::new(&[1]).end();
        assert_eq!(behind, Err(Malformed("it goes on behind its end")));
    }
}
