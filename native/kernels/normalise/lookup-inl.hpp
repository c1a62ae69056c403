// The table itself, pixel by pixel: all of the reference, and the ends of the vector kernels.
// Included inside each variant's unnamed namespace.

template <class T>
inline void lookup_plane(const std::uint8_t* source, std::size_t from, std::size_t to, const T* values,
                         T* plane) noexcept {
  for (std::size_t i = from; i < to; ++i) plane[i] = values[source[3 * i]];
}

inline void lookup(const Work& work, std::size_t from, std::size_t to) noexcept {
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::uint8_t* const source = work.source + channel;
    if (work.table->element == Element::float32) {
      lookup_plane(source, from, to, work.table->values[channel], static_cast<float*>(work.planes[channel]));
    } else {
      lookup_plane(source, from, to, work.table->halves[channel],
                   static_cast<std::uint16_t*>(work.planes[channel]));
    }
  }
}
