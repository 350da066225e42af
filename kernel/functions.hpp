// Functions of one number, made of + − × / √ alone, so that every processor has the same bits of them.
#pragma once

namespace headlab {

// Of |x| ≤ 2^20: within 1 unit in the last place (functions.cpp says how, kernel/tests/functions.cpp holds it).
double sine(double x);
double cosine(double x);

// e^x of x from −708 to 0, and ln x of normal positive x: those of the lanes.
double exponential(double x);
double logarithm(double x);

// The x that a standard normal number is below with a probability from 2^-33 to 1 − 2^-33. Relative error: below 1e-14.
double normal_quantile(double probability);

}  // namespace headlab
