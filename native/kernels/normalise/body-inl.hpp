// The shared vector body; see kernel.hpp for the arithmetic. `Wide` offers kPixels, load(source) (the pixels
// of one step), channel<C>(pixels) (as floats), set1, multiply, subtract, multiply_add (a b + c),
// negative_multiply_add (c - a b), store(float*), store_float16, store_bfloat16.

inline Wide::Float quotient(Wide::Float numerator, Wide::Float divisor, Wide::Float inverse) noexcept {
  const Wide::Float first = Wide::multiply(numerator, inverse);
  return Wide::multiply_add(Wide::negative_multiply_add(first, divisor, numerator), inverse, first);
}

struct Channel {
  Wide::Float mean;
  Wide::Float std;
  Wide::Float inverse_std;
};

template <Element kElement>
inline void store(void* plane, std::size_t at, Wide::Float value) noexcept {
  if constexpr (kElement == Element::float32) Wide::store(static_cast<float*>(plane) + at, value);
  if constexpr (kElement == Element::float16)
    Wide::store_float16(static_cast<std::uint16_t*>(plane) + at, value);
  if constexpr (kElement == Element::bfloat16)
    Wide::store_bfloat16(static_cast<std::uint16_t*>(plane) + at, value);
}

template <Element kElement>
inline std::size_t compute(const Work& work) noexcept {
  const Table& table = *work.table;
  const Wide::Float divisor = Wide::set1(table.divisor);
  const Wide::Float inverse = Wide::set1(table.inverse_divisor);
  Channel channels[3];
  for (int i = 0; i < 3; ++i) {
    channels[i] = {Wide::set1(table.mean[i]), Wide::set1(table.std[i]), Wide::set1(table.inverse_std[i])};
  }
  const auto value = [&](Wide::Float pixel, const Channel& channel) noexcept {
    const Wide::Float centred = Wide::subtract(quotient(pixel, divisor, inverse), channel.mean);
    return quotient(centred, channel.std, channel.inverse_std);
  };
  std::size_t i = 0;
  for (; i + Wide::kPixels <= work.pixels; i += Wide::kPixels) {
    const Wide::Pixels pixels = Wide::load(work.source + 3 * i);
    store<kElement>(work.planes[0], i, value(Wide::channel<0>(pixels), channels[0]));
    store<kElement>(work.planes[1], i, value(Wide::channel<1>(pixels), channels[1]));
    store<kElement>(work.planes[2], i, value(Wide::channel<2>(pixels), channels[2]));
  }
  return i;
}

void run(const Work& work) noexcept {
  std::size_t done = 0;
  if (work.table->computable) {
    switch (work.table->element) {
      case Element::float32:
        done = compute<Element::float32>(work);
        break;
      case Element::float16:
        done = compute<Element::float16>(work);
        break;
      case Element::bfloat16:
        done = compute<Element::bfloat16>(work);
        break;
    }
  }
  lookup(work, done);
}
