// Package cmd is the command line: one file a verb. A verb turns flags into options, runs, and hands the outcome to a
// view; views are the only code that prints. It is also where everything is wired: which agent, which terminal, which
// drift rules.
//
// The library states facts; this package adds the hint, which is the next command to type, and the exit status:
// 0 done, 1 the answer is no, 2 could not decide, 3 a person has to answer, 130 interrupted.
package cmd
