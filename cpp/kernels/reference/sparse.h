// Products with sparse rows, as kernels/args.h states them. Part of reference.cpp, inside its anonymous namespace.

template <class T>
void sparse_forward(const SparseForwardArgs<T>& args) {
  const GemmArgs<T>& product = args.product;
  for (std::size_t i = 0; i < product.rows; ++i) {
    for (std::size_t j = 0; j < product.panels * kPanelWidth<T>; ++j) {
      T sum = 0;
      for (std::size_t e = args.a.rows[i].begin; e < args.a.rows[i].end; ++e) {
        sum = std::fma(args.a.values[e], *product.b.at(static_cast<std::size_t>(args.a.columns[e]), j), sum);
      }
      if (product.bias.data != nullptr) sum += *product.bias.at(0, j);
      if (product.epilogue == Epilogue::relu && sum < 0) sum = 0;
      *product.c.at(i, j) = sum;
    }
  }
}

template <class T>
void sparse_weight_gradient(const SparseWeightGradientArgs<T>& args) {
  for (std::size_t k = 0; k < args.rows; ++k) {
    for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
      T sum = 0;
      for (std::size_t i = 0; i < args.batch; ++i) {
        for (std::size_t e = args.x.rows[i].begin; e < args.x.rows[i].end; ++e) {
          if (static_cast<std::size_t>(args.x.columns[e]) != args.first + k) continue;
          sum = std::fma(args.x.values[e], *args.dz.at(i, j), sum);
        }
      }
      *args.g.at(k, j) = sum;
    }
  }
}
