# The search of mclust over all its models, timed by itself: Rscript mclust_search.R TABLE SUBSET
suppressPackageStartupMessages(library(mclust))
arguments <- commandArgs(TRUE)
X <- as.matrix(read.csv(arguments[1]))
subset <- as.integer(arguments[2])
set.seed(0)
start <- if (subset > 0 && nrow(X) > subset) list(subset = sample(nrow(X), subset)) else NULL
seconds <- system.time(bic <- mclustBIC(X, initialization = start, verbose = FALSE))[["elapsed"]]
cat(seconds, "\n")
cat(colnames(bic), "\n")
for (row in seq_len(nrow(bic))) cat(bic[row, ], "\n")
