module.exports = {
  projectRoot: __dirname + "/game",
  watchFolders: [__dirname],
  resolver: { unstable_enablePackageExports: true, useWatchman: false, nodeModulesPaths: [__dirname + "/node_modules"] },
  transformer: { babelTransformerPath: require.resolve("@react-native/metro-babel-transformer") },
  reporter: { update() {} },
  cacheStores: [],
  maxWorkers: 1,
};
