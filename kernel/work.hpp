// What a step takes, counted before it is begun: what decides which path a training goes.
#pragma once

#include "plan.hpp"

namespace headlab {

// Of one step, forward and back, of a group of runs, or of one run alone with so many columns in a vector.
struct Work {
    Work(const hl_shape& shape, const Rows& rows, int columns);

    double products = 0, sums = 0, multiply_adds = 0;  // sums: of rows of products, in vectors
    double rows = 0, exponentials = 0, updates = 0;    // rows that are gone along one by one; and vectors of the others

    // What all of it takes with vectors of so many bytes, in nanoseconds of a processor of 2026: only ratios mean anything.
    double time(int vector_bytes) const;

  private:
    void add(int times, double rows, double cols, double depth);
    double vectors(double n) const;
    const int columns;  // 1: a vector is a number of each run
};

}  // namespace headlab
