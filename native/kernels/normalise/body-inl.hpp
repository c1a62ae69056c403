// The shared vector body; see kernel.hpp for the arithmetic. `Wide` offers kPixels, load(source) (the pixels
// of one step), channel<C>(pixels) (as floats), set1, multiply, subtract, multiply_add (a b + c),
// negative_multiply_add (c - a b), store(float*), store_float16, store_bfloat16, and stream(float*), which
// writes kPixels floats at a multiple of their size past the caches where the CPU can, with drain() after the
// last.

inline Wide::Float quotient(Wide::Float numerator, Wide::Float divisor, Wide::Float inverse) noexcept {
  const Wide::Float first = Wide::multiply(numerator, inverse);
  return Wide::multiply_add(Wide::negative_multiply_add(first, divisor, numerator), inverse, first);
}

struct Channel {
  Wide::Float mean;
  Wide::Float std;
  Wide::Float inverse_std;
};

// A tensor is written once and read by another thread much later: bringing its lines into the caches first
// costs more than the arithmetic.
template <Element kElement, bool kStream>
inline void store(void* plane, std::size_t at, Wide::Float value) noexcept {
  if constexpr (kElement == Element::float32 && kStream) Wide::stream(static_cast<float*>(plane) + at, value);
  if constexpr (kElement == Element::float32 && !kStream) Wide::store(static_cast<float*>(plane) + at, value);
  if constexpr (kElement == Element::float16)
    Wide::store_float16(static_cast<std::uint16_t*>(plane) + at, value);
  if constexpr (kElement == Element::bfloat16)
    Wide::store_bfloat16(static_cast<std::uint16_t*>(plane) + at, value);
}

// Pixels from `i` on; returns the first that is left.
template <Element kElement, bool kStream = false>
inline std::size_t compute(const Work& work, std::size_t i) noexcept {
  const Table& table = *work.table;
  const Wide::Float divisor = Wide::set1(table.divisor);
  const Wide::Float inverse = Wide::set1(table.inverse_divisor);
  Channel channels[3];
  for (int c = 0; c < 3; ++c) {
    channels[c] = {Wide::set1(table.mean[c]), Wide::set1(table.std[c]), Wide::set1(table.inverse_std[c])};
  }
  const auto value = [&](Wide::Float pixel, const Channel& channel) noexcept {
    const Wide::Float centred = Wide::subtract(quotient(pixel, divisor, inverse), channel.mean);
    return quotient(centred, channel.std, channel.inverse_std);
  };
  for (; i + Wide::kPixels <= work.pixels; i += Wide::kPixels) {
    const Wide::Pixels pixels = Wide::load(work.source + 3 * i);
    store<kElement, kStream>(work.planes[0], i, value(Wide::channel<0>(pixels), channels[0]));
    store<kElement, kStream>(work.planes[1], i, value(Wide::channel<1>(pixels), channels[1]));
    store<kElement, kStream>(work.planes[2], i, value(Wide::channel<2>(pixels), channels[2]));
  }
  return i;
}

// Pixels before the planes, all alike, are aligned for stream(); kPixels where they never are.
inline std::size_t to_alignment(const Work& work) noexcept {
  constexpr std::size_t whole = Wide::kPixels * sizeof(float);
  const auto past = [](const void* plane) { return reinterpret_cast<std::uintptr_t>(plane) % whole; };
  const std::size_t first = past(work.planes[0]);
  if (first % sizeof(float) != 0 || past(work.planes[1]) != first || past(work.planes[2]) != first)
    return Wide::kPixels;
  return (whole - first) % whole / sizeof(float);
}

inline std::size_t compute_floats(const Work& work) noexcept {
  const std::size_t head = to_alignment(work);
  if (head == Wide::kPixels || head >= work.pixels) return compute<Element::float32>(work, 0);
  lookup(work, 0, head);
  const std::size_t done = compute<Element::float32, true>(work, head);
  Wide::drain();
  return done;
}

void run(const Work& work) noexcept {
  std::size_t done = 0;
  if (work.table->computable) {
    switch (work.table->element) {
      case Element::float32:
        done = compute_floats(work);
        break;
      case Element::float16:
        done = compute<Element::float16>(work, 0);
        break;
      case Element::bfloat16:
        done = compute<Element::bfloat16>(work, 0);
        break;
    }
  }
  lookup(work, done, work.pixels);
}
