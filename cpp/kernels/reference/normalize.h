// Normalisation by row, by column over a batch, and by given columns. Part of reference.cpp, inside its anonymous namespace.

template <class T>
T inverse_deviation(T variance, T epsilon) {
  return T{1} / std::sqrt(variance + epsilon);
}

/// Mean and inverse deviation of a row.
template <class T>
std::pair<T, T> row_moments(Panels<const T> x, std::size_t row, std::size_t columns, T epsilon) {
  const auto n = static_cast<T>(columns);
  const T mean = ordered_sum<T>(columns, [&](std::size_t j) { return *x.at(row, j); }) / n;
  const auto d = [&](std::size_t j) { return *x.at(row, j) - mean; };
  return {mean, inverse_deviation(ordered_dot<T>(columns, d, d) / n, epsilon)};
}

template <class T>
void standardize_forward(const RowArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const auto [mean, r] = row_moments(args.x, i, args.columns, args.alpha);
    for (std::size_t j = 0; j < args.columns; ++j) *args.y.at(i, j) = (*args.x.at(i, j) - mean) * r;
  }
  clear_padding(args.y, args.rows, args.columns);
}

template <class T>
void standardize_backward(const RowBackwardArgs<T>& args) {
  const auto n = static_cast<T>(args.columns);
  for (std::size_t i = 0; i < args.rows; ++i) {
    const std::pair<T, T> moments = row_moments(args.saved, i, args.columns, args.alpha);
    const auto g = [&](std::size_t j) { return *args.g.at(i, j); };
    const auto u = [&](std::size_t j) { return (*args.saved.at(i, j) - moments.first) * moments.second; };
    const T mean = ordered_sum<T>(args.columns, g) / n;
    const T product = ordered_dot<T>(args.columns, g, u) / n;
    for (std::size_t j = 0; j < args.columns; ++j) *args.gx.at(i, j) = moments.second * std::fma(-u(j), product, g(j) - mean);
  }
  clear_padding(args.gx, args.rows, args.columns);
}

template <class T>
void standardize_batch_forward(const StandardizeBatchArgs<T>& args) {
  const auto n = static_cast<T>(args.rows);
  for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
    T sum = 0;
    for (std::size_t i = 0; i < args.rows; ++i) sum += *args.x.at(i, j);
    const T mean = sum / n;
    T squares = 0;
    for (std::size_t i = 0; i < args.rows; ++i) squares = std::fma(*args.x.at(i, j) - mean, *args.x.at(i, j) - mean, squares);
    *args.mean.at(0, j) = mean;
    *args.variance.at(0, j) = squares / n;
    const T r = inverse_deviation(squares / n, args.alpha);
    for (std::size_t i = 0; i < args.rows; ++i) *args.y.at(i, j) = (*args.x.at(i, j) - mean) * r;
  }
}

template <class T>
void standardize_batch_backward(const StandardizeBatchBackwardArgs<T>& args) {
  const auto n = static_cast<T>(args.rows);
  for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
    const T r = inverse_deviation(*args.variance.at(0, j), args.alpha);
    const auto u = [&](std::size_t i) { return (*args.x.at(i, j) - *args.mean.at(0, j)) * r; };
    T sum = 0;
    T products = 0;
    for (std::size_t i = 0; i < args.rows; ++i) {
      sum += *args.g.at(i, j);
      products = std::fma(*args.g.at(i, j), u(i), products);
    }
    for (std::size_t i = 0; i < args.rows; ++i) {
      *args.gx.at(i, j) = r * std::fma(-u(i), products / n, *args.g.at(i, j) - sum / n);
    }
  }
}

template <class T>
void standardize_columns(const ColumnArgs<T>& args) {
  for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
    const T a = args.a.data == nullptr ? T{0} : *args.a.at(0, j);
    const T r = inverse_deviation(*args.b.at(0, j), args.alpha);
    for (std::size_t i = 0; i < args.rows; ++i) *args.y.at(i, j) = (*args.x.at(i, j) - a) * r;
  }
}

template <class T>
void scale_shift(const ColumnArgs<T>& args) {
  for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
    for (std::size_t i = 0; i < args.rows; ++i) {
      T y = *args.x.at(i, j);
      if (args.a.data != nullptr) y *= *args.a.at(0, j);
      if (args.b.data != nullptr) y += *args.b.at(0, j);
      *args.y.at(i, j) = y;
    }
  }
}
