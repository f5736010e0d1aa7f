// Products and sums over rows, as kernels/args.h states them. Part of reference.cpp, inside its anonymous namespace.

template <class T>
void gemm(const GemmArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
      T sum = 0;
      for (std::size_t k = 0; k < args.depth; ++k) sum = std::fma(*args.a.at(i, k), *args.b.at(k, j), sum);
      if (args.bias.data != nullptr) sum += *args.bias.at(0, j);
      if (args.epilogue == Epilogue::relu && sum < 0) sum = 0;
      if (args.epilogue == Epilogue::relu_backward && !(*args.saved.at(i, j) > 0)) sum = 0;
      *args.c.at(i, j) = sum;
    }
  }
}

template <class T>
void gemm_forward(const GemmArgs<T>& args) {
  gemm(args);
}

template <class T>
void gemm_input_gradient(const GemmArgs<T>& args) {
  gemm(args);
}

template <class T>
void gemm_weight_gradient(const WeightGradientArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
      T sum = 0;
      for (std::size_t k = 0; k < args.batch; ++k) sum = std::fma(*args.x.at(k, i), *args.dz.at(k, j), sum);
      *args.g.at(i, j) = sum;
    }
  }
}

template <class T>
void transpose_panels(const TransposeArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    for (std::size_t j = 0; j < args.columns; ++j) *args.dst.at(j, i) = *args.src.at(i, j);
  }
}

template <class T>
void column_sum(const ColumnSumArgs<T>& args) {
  for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
    T sum = 0;
    for (std::size_t i = 0; i < args.rows; ++i) sum += *args.x.at(i, j);
    *args.sum.at(0, j) = sum;
  }
}
