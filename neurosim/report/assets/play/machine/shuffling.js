// `permutation` of random.js, whose words of 64 bits a machine has at once.

// Called with where the order is, its last place, and the two halves of the key.
function shuffleRoutine(assembly) {
  assembly.routine(
    4,
    null,
    (code) => {
      const [order, last, high, low] = [0, 1, 2, 3];
      const [key, word] = [code.local(I64), code.local(I64)];
      const [one, other] = [code.local(I32), code.local(I32)];
      const zero = code.pointer(0);
      const wide = (number) => code.op(0x42, ...signedLeb(BigInt.asIntN(64, number)));
      const [add, multiply, or, xor, left, right] = [0x7c, 0x7e, 0x84, 0x85, 0x86, 0x88];
      const unsigned = (local) => {
        code.get(local);
        code.op(0xad);
      };
      const shiftAndXor = (places) => {
        code.get(word);
        code.get(word);
        wide(places);
        code.op(right, xor);
        code.set(word);
      };
      const times = (factor) => {
        code.get(word);
        wide(factor);
        code.op(multiply);
        code.set(word);
      };
      unsigned(high);
      wide(32n);
      code.op(left);
      unsigned(low);
      code.op(or);
      code.set(key);
      // Where number `place` of the order is.
      const at = (place, local) => {
        code.get(order);
        place();
        code.whole(2);
        code.op(0x74, 0x6a);
        code.set(local);
      };
      const read = (local) => {
        code.get(local);
        code.op(0x28, 2, 0);
      };
      code.get(last);
      code.op(0x04, 0x40);
      code.until(zero, last, () => {
        unsigned(last);
        wide(1n);
        code.op(add);
        wide(0x9e3779b97f4a7c15n);
        code.op(multiply);
        code.get(key);
        code.op(add);
        code.set(word);
        shiftAndXor(30n);
        times(0xbf58476d1ce4e5b9n);
        shiftAndXor(27n);
        times(0x94d049bb133111ebn);
        shiftAndXor(31n);
        at(() => code.get(last), one);
        at(() => {
          code.get(word);
          wide(32n);
          code.op(right);
          unsigned(last);
          wide(1n);
          code.op(add, multiply);
          wide(32n);
          code.op(right, 0xa7);
        }, other);
        code.get(one);
        read(other);
        code.get(other);
        read(one);
        code.op(0x36, 2, 0, 0x36, 2, 0);
        code.advance(last, -1);
      });
      code.op(0x0b);
    },
    "shuffle",
  );
}
