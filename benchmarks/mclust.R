# Usage: Rscript mclust.R FOLDER ROWS COLUMNS COMPONENTS FEW MANY
# Prints the seconds of one EM iteration and the log-likelihood after FEW iterations.
# A call with FEW iterations is subtracted from one with MANY, so that neither reading nor what
# me() does once per call is counted.
suppressPackageStartupMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
numbers <- as.integer(arguments[-1])
doubles <- function(name, columns) {
  values <- readBin(file.path(arguments[1], name), "double", numbers[1] * columns)
  matrix(values, numbers[1], columns, byrow = TRUE)
}
data <- doubles("rows", numbers[2])
z <- doubles("responsibilities", numbers[3])
run <- function(iterations) {
  gc()
  control <- emControl(tol = c(0, 0), itmax = c(iterations, iterations))
  start <- proc.time()[["elapsed"]]
  fit <- me(data, modelName = "VVV", z = z, control = control, warn = FALSE)
  stopifnot(abs(attr(fit, "info")[["iterations"]]) == iterations)
  c(proc.time()[["elapsed"]] - start, fit$loglik)
}
few <- run(numbers[4])
many <- run(numbers[5])
cat(sprintf("%.17g\n", c((many[1] - few[1]) / (numbers[5] - numbers[4]), few[2])))
