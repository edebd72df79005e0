//  Golden data: what Python's protobuf makes of the messages in spec grpc-v3 2 and peer-and-disk
//  3.2, with plain and with extreme values. Made once by a script, never edited; 600 lines because
//  every message is in it.

/// One message per `=`: its name, its binary form in hexadecimal, and after `~` its JSON form, all
/// cut into pieces by white space.
let goldenMessages = #"""
    = etcdserverpb.AlarmMember 08a0071002 ~ {"memberID":"928","alarm":"CORRUPT"}
    = etcdserverpb.AlarmMember 08b298eaf1948386fccd011002 ~
    {"memberID":"14841639068965178418","alarm":"CORRUPT"}
    = etcdserverpb.AlarmRequest 080210e606 ~ {"action":"DEACTIVATE","memberID":"870"}
    = etcdserverpb.AlarmRequest ~ {}
    = etcdserverpb.AlarmResponse 0a0c08c70210e60318cd0720d304120308a603120508cd011001 ~
    {"header":{"cluster_id":"327","member_id":"486","revision":"973","raft_term":"59
    5"},"alarms":[{"memberID":"422"},{"memberID":"205","alarm":"NOSPACE"}]}
    = etcdserverpb.AlarmResponse 0a1308800110ffffffffffffffffff0118ac02207f1200 ~
    {"header":{"cluster_id":"128","member_id":"18446744073709551615","revision":"300
    ","raft_term":"127"},"alarms":[{}]}
    = membershippb.Attributes 0a0465746364120465746364120465746364 ~
    {"name":"etcd","client_urls":["etcd","etcd"]}
    = membershippb.Attributes 0a0ac3a9e280a80af09f98801208613c623e2622635c120465746364 ~
    {"name":"\u00e9\u2028\n\ud83d\ude00","client_urls":["a<b>&\"c\\","etcd"]}
    = etcdserverpb.AuthDisableResponse 0a0b08a007101818920220d305 ~
    {"header":{"cluster_id":"928","member_id":"24","revision":"274","raft_term":"723 "}}
    = etcdserverpb.AuthEnableResponse 0a0c08f00110f00618de0620e101 ~
    {"header":{"cluster_id":"240","member_id":"880","revision":"862","raft_term":"22 5"}}
    = etcdserverpb.AuthRoleAddRequest 0a0465746364 ~ {"name":"etcd"}
    = etcdserverpb.AuthRoleAddRequest 0a0465746364 ~ {"name":"etcd"}
    = etcdserverpb.AuthRoleAddResponse 0a0b080e10b30618950520f904 ~
    {"header":{"cluster_id":"14","member_id":"819","revision":"661","raft_term":"633 "}}
    = etcdserverpb.AuthRoleDeleteRequest 0a0465746364 ~ {"role":"etcd"}
    = etcdserverpb.AuthRoleDeleteRequest 0a08613c623e2622635c ~ {"role":"a<b>&\"c\\"}
    = etcdserverpb.AuthRoleDeleteResponse 0a0c08c80510970518d80220e704 ~
    {"header":{"cluster_id":"712","member_id":"663","revision":"344","raft_term":"61 5"}}
    = etcdserverpb.AuthRoleGetRequest 0a0465746364 ~ {"role":"etcd"}
    = etcdserverpb.AuthRoleGetRequest 0a08613c623e2622635c ~ {"role":"a<b>&\"c\\"}
    = etcdserverpb.AuthRoleGetResponse
    0a0c08b107108e0518990220ba0412081202cf3d1a02dbb0120e12011a1a0963df5858293a9601a1 ~
    {"header":{"cluster_id":"945","member_id":"654","revision":"281","raft_term":"57
    0"},"perm":[{"key":"zz0=","range_end":"27A="},{"key":"Gg==","range_end":"Y99YWCk 6lgGh"}]}
    = etcdserverpb.AuthRoleGetResponse 0a110880800110b298eaf1948386fccd01187f120012071a05160d637006
    ~ {"header":{"cluster_id":"16384","member_id":"14841639068965178418","revision":"1
    27"},"perm":[{},{"range_end":"Fg1jcAY="}]}
    = etcdserverpb.AuthRoleGrantPermissionRequest 0a046574636412081201451a0340d68c ~
    {"name":"etcd","perm":{"key":"RQ==","range_end":"QNaM"}}
    = etcdserverpb.AuthRoleGrantPermissionRequest ~ {}
    = etcdserverpb.AuthRoleGrantPermissionResponse 0a0c08f60110cb0118f00620e801 ~
    {"header":{"cluster_id":"246","member_id":"203","revision":"880","raft_term":"23 2"}}
    = etcdserverpb.AuthRoleListResponse 0a0b086410b50218810120b904120465746364120465746364 ~
    {"header":{"cluster_id":"100","member_id":"309","revision":"129","raft_term":"56
    9"},"roles":["etcd","etcd"]}
    = etcdserverpb.AuthRoleListResponse 0a0a08808001107f20808001120ac3a9e280a80af09f9880 ~
    {"header":{"cluster_id":"16384","member_id":"127","raft_term":"16384"},"roles":[
    "\u00e9\u2028\n\ud83d\ude00"]}
    = etcdserverpb.AuthRoleRevokePermissionRequest 0a04657463641202ba981a023202 ~
    {"role":"etcd","key":"upg=","range_end":"MgI="}
    = etcdserverpb.AuthRoleRevokePermissionRequest 120590caec32221a0105 ~
    {"key":"kMrsMiI=","range_end":"BQ=="}
    = etcdserverpb.AuthRoleRevokePermissionResponse 0a0b08ce0510ee05189e042048 ~
    {"header":{"cluster_id":"718","member_id":"750","revision":"542","raft_term":"72 "}}
    = etcdserverpb.AuthStatusResponse 0a0c08b10710820618b10420fe04100118de07 ~
    {"header":{"cluster_id":"945","member_id":"770","revision":"561","raft_term":"63
    8"},"enabled":true,"authRevision":"990"}
    = etcdserverpb.AuthStatusResponse 0a0b18ffffffffffffffffff011001 ~
    {"header":{"revision":"-1"},"enabled":true}
    = etcdserverpb.AuthUserAddRequest 0a04657463641204657463641a020801220465746364 ~
    {"name":"etcd","password":"etcd","options":{"no_password":true},"hashedPassword" :"etcd"}
    = etcdserverpb.AuthUserAddRequest 1204657463641a020801 ~
    {"password":"etcd","options":{"no_password":true}}
    = etcdserverpb.AuthUserAddResponse 0a0b083410be06189f05208e01 ~
    {"header":{"cluster_id":"52","member_id":"830","revision":"671","raft_term":"142 "}}
    = etcdserverpb.AuthUserChangePasswordRequest 0a04657463641204657463641a0465746364 ~
    {"name":"etcd","password":"etcd","hashedPassword":"etcd"}
    = etcdserverpb.AuthUserChangePasswordRequest
    0a14687474703a2f2f31302e302e302e313a323338301214687474703a2f2f31302e302e302e313a
    323338301a0465746364 ~
    {"name":"http://10.0.0.1:2380","password":"http://10.0.0.1:2380","hashedPassword ":"etcd"}
    = etcdserverpb.AuthUserChangePasswordResponse 0a0c08b406109e0618b50720d603 ~
    {"header":{"cluster_id":"820","member_id":"798","revision":"949","raft_term":"47 0"}}
    = etcdserverpb.AuthUserDeleteRequest 0a0465746364 ~ {"name":"etcd"}
    = etcdserverpb.AuthUserDeleteRequest ~ {}
    = etcdserverpb.AuthUserDeleteResponse 0a0c08fd0610f80318c70220ec01 ~
    {"header":{"cluster_id":"893","member_id":"504","revision":"327","raft_term":"23 6"}}
    = etcdserverpb.AuthUserGetRequest 0a0465746364 ~ {"name":"etcd"}
    = etcdserverpb.AuthUserGetRequest 0a0ac3a9e280a80af09f9880 ~
    {"name":"\u00e9\u2028\n\ud83d\ude00"}
    = etcdserverpb.AuthUserGetResponse 0a0c08ce03108d0718d902208603120465746364 ~
    {"header":{"cluster_id":"462","member_id":"909","revision":"345","raft_term":"39
    0"},"roles":["etcd"]}
    = etcdserverpb.AuthUserGetResponse 0a050801108001 ~
    {"header":{"cluster_id":"1","member_id":"128"}}
    = etcdserverpb.AuthUserGrantRoleRequest 0a0465746364120465746364 ~ {"user":"etcd","role":"etcd"}
    = etcdserverpb.AuthUserGrantRoleRequest 120465746364 ~ {"role":"etcd"}
    = etcdserverpb.AuthUserGrantRoleResponse 0a0c08900110ba0518f50220e702 ~
    {"header":{"cluster_id":"144","member_id":"698","revision":"373","raft_term":"35 9"}}
    = etcdserverpb.AuthUserListResponse 0a0b08a004109701181420ec01120465746364120465746364 ~
    {"header":{"cluster_id":"544","member_id":"151","revision":"20","raft_term":"236
    "},"users":["etcd","etcd"]}
    = etcdserverpb.AuthUserListResponse
    0a151080800118808080800820ffffffffffffffffff011204657463641214687474703a2f2f3130
    2e302e302e313a32333830 ~
    {"header":{"member_id":"16384","revision":"2147483648","raft_term":"184467440737
    09551615"},"users":["etcd","http://10.0.0.1:2380"]}
    = etcdserverpb.AuthUserRevokeRoleRequest 0a0465746364120465746364 ~
    {"name":"etcd","role":"etcd"}
    = etcdserverpb.AuthUserRevokeRoleRequest 1214687474703a2f2f31302e302e302e313a32333830 ~
    {"role":"http://10.0.0.1:2380"}
    = etcdserverpb.AuthUserRevokeRoleResponse 0a0c08a40510f20518e90620f201 ~
    {"header":{"cluster_id":"676","member_id":"754","revision":"873","raft_term":"24 2"}}
    = etcdserverpb.AuthenticateRequest 0a0465746364120465746364 ~ {"name":"etcd","password":"etcd"}
    = etcdserverpb.AuthenticateRequest 0a0ac3a9e280a80af09f9880120ac3a9e280a80af09f9880 ~
    {"name":"\u00e9\u2028\n\ud83d\ude00","password":"\u00e9\u2028\n\ud83d\ude00"}
    = etcdserverpb.AuthenticateResponse 0a0c089507108405189d0720bf04120465746364 ~
    {"header":{"cluster_id":"917","member_id":"644","revision":"925","raft_term":"57
    5"},"token":"etcd"}
    = etcdserverpb.AuthenticateResponse 120465746364 ~ {"token":"etcd"}
    = v3electionpb.CampaignRequest 0a031361bd1091031a029df1 ~
    {"name":"E2G9","lease":"401","value":"nfE="}
    = v3electionpb.CampaignRequest 0a0141 ~ {"name":"QQ=="}
    = v3electionpb.CampaignResponse 0a0b08ad0510a507184f208707120e0a02ad8c1202a22b189601208f02 ~
    {"header":{"cluster_id":"685","member_id":"933","revision":"79","raft_term":"903
    "},"leader":{"name":"rYw=","key":"ois=","rev":"150","lease":"271"}}
    = v3electionpb.CampaignResponse ~ {}
    = etcdserverpb.CompactionRequest 084e1001 ~ {"revision":"78","physical":true}
    = etcdserverpb.CompactionRequest 0880e497d012 ~ {"revision":"5000000000"}
    = etcdserverpb.CompactionResponse 0a0c08e40310910318da0520fc06 ~
    {"header":{"cluster_id":"484","member_id":"401","revision":"730","raft_term":"89 2"}}
    = etcdserverpb.Compare 10011a03d657e940c603820409f74e5b6167943c61e4 ~
    {"target":"CREATE","key":"1lfp","lease":"454","range_end":"905bYWeUPGHk"}
    = etcdserverpb.Compare
    08feffffffffffffffff0110011a019c3a01938204820130ba7d5ebe954d05abc14b9141215b123b
    8fd52d62e2e3d016595830fe98517c8c773c30e4ddab79551ce72d0c920f82b7869dcd20ba071f5b
    507524e1d715006fc7ec2f92ed97a835e4604c3c11b45f675c7395003f1a72dac18dae43a31b052f
    f35a4b6bb2404b9533579bee682b3c4f0d4fb49dba0b850de400a392f0e89f1a0c ~
    {"result":-2,"target":"CREATE","key":"nA==","value":"kw==","range_end":"MLp9Xr6V
    TQWrwUuRQSFbEjuP1S1i4uPQFllYMP6YUXyMdzww5N2reVUc5y0Mkg+Ct4adzSC6Bx9bUHUk4dcVAG/H
    7C+S7ZeoNeRgTDwRtF9nXHOVAD8actrBja5DoxsFL/NaS2uyQEuVM1eb7mgrPE8NT7SduguFDeQAo5Lw 6J8aDA=="}
    = etcdserverpb.DefragmentResponse 0a09082310571815208a04 ~
    {"header":{"cluster_id":"35","member_id":"87","revision":"21","raft_term":"522"} }
    = etcdserverpb.DeleteRangeRequest 0a03d78feb12098f2bdb240cc90884071801 ~
    {"key":"14/r","range_end":"jyvbJAzJCIQH","prev_kv":true}
    = etcdserverpb.DeleteRangeRequest 1801 ~ {"prev_kv":true}
    = etcdserverpb.DeleteRangeResponse
    0a0b08e105106918fb0320b903106b1a210a090d063c1175e77fb2be10bf04184820d8052a093c21
    7d80e6ecff161430be061a1d0a042a5d506e10bd0418fd0420af062a097d667a921443b1e9a030c1 03 ~
    {"header":{"cluster_id":"737","member_id":"105","revision":"507","raft_term":"44
    1"},"deleted":"107","prev_kvs":[{"key":"DQY8EXXnf7K+","create_revision":"575","m
    od_revision":"72","version":"728","value":"PCF9gObs/xYU","lease":"830"},{"key":"
    Kl1Qbg==","create_revision":"573","mod_revision":"637","version":"815","value":"
    fWZ6khRDsemg","lease":"449"}]}
    = etcdserverpb.DeleteRangeResponse 0a0e088080808010188080808008207f1080e497d012 ~
    {"header":{"cluster_id":"4294967296","revision":"2147483648","raft_term":"127"},
    "deleted":"5000000000"}
    = etcdserverpb.DowngradeInfo 0801120465746364 ~ {"enabled":true,"targetVersion":"etcd"}
    = etcdserverpb.DowngradeInfo 0801120ac3a9e280a80af09f9880 ~
    {"enabled":true,"targetVersion":"\u00e9\u2028\n\ud83d\ude00"}
    = etcdserverpb.DowngradeInfoSetRequest 0801120465746364 ~ {"enabled":true,"ver":"etcd"}
    = etcdserverpb.DowngradeInfoSetRequest ~ {}
    = etcdserverpb.DowngradeRequest 0802120465746364 ~ {"action":"CANCEL","version":"etcd"}
    = etcdserverpb.DowngradeRequest 1208613c623e2622635c ~ {"version":"a<b>&\"c\\"}
    = etcdserverpb.DowngradeResponse 0a0b086d10e80318d60320c607120465746364 ~
    {"header":{"cluster_id":"109","member_id":"488","revision":"470","raft_term":"96
    6"},"version":"etcd"}
    = etcdserverpb.DowngradeResponse
    0a151080800118808080800820b298eaf1948386fccd011208613c623e2622635c ~
    {"header":{"member_id":"16384","revision":"2147483648","raft_term":"148416390689
    65178418"},"version":"a<b>&\"c\\"}
    = etcdserverpb.DowngradeVersionTestRequest 0a0465746364 ~ {"ver":"etcd"}
    = etcdserverpb.DowngradeVersionTestRequest 0a14687474703a2f2f31302e302e302e313a32333830 ~
    {"ver":"http://10.0.0.1:2380"}
    = mvccpb.Event 12160a02686f10d10718e40520fe032a04a64ce9cc30e3071a130a010c10860618940120e5032a02
    18f730de05 ~ {"kv":{"key":"aG8=","create_revision":"977","mod_revision":"740","version":"510"
    ,"value":"pkzpzA==","lease":"995"},"prev_kv":{"key":"DA==","create_revision":"77
    4","mod_revision":"148","version":"485","value":"GPc=","lease":"734"}}
    = mvccpb.Event 1a081001208001308001 ~
    {"prev_kv":{"create_revision":"1","version":"128","lease":"128"}}
    = etcdserverpb.HashKVRequest 088802 ~ {"revision":"264"}
    = etcdserverpb.HashKVRequest 0880e497d012 ~ {"revision":"5000000000"}
    = etcdserverpb.HashKVResponse 0a0c089d0210d90718c10220df01100118820720ac03 ~
    {"header":{"cluster_id":"285","member_id":"985","revision":"321","raft_term":"22
    3"},"hash":1,"compact_revision":"898","hash_revision":"428"}
    = etcdserverpb.HashKVResponse 100118ac0220ffffffffffffffff7f ~
    {"hash":1,"compact_revision":"300","hash_revision":"9223372036854775807"}
    = etcdserverpb.HashResponse 0a0b08f90510fc02185320e1071001 ~
    {"header":{"cluster_id":"761","member_id":"380","revision":"83","raft_term":"993 "},"hash":1}
    = etcdserverpb.HashResponse 0a05088001187f1001 ~
    {"header":{"cluster_id":"128","revision":"127"},"hash":1}
    = etcdserverpb.InternalAuthenticateRequest 0a04657463641204657463641a0465746364 ~
    {"name":"etcd","password":"etcd","simple_token":"etcd"}
    = etcdserverpb.InternalAuthenticateRequest 0a04657463641a0465746364 ~
    {"name":"etcd","simple_token":"etcd"}
    = mvccpb.KeyValue 0a047546c93710d70318830220b9062a096819a3c924dbe2d9d530b304 ~
    {"key":"dUbJNw==","create_revision":"471","mod_revision":"259","version":"825","
    value":"aBmjySTb4tnV","lease":"563"}
    = mvccpb.KeyValue 1080011880e497d0122080013001 ~
    {"create_revision":"128","mod_revision":"5000000000","version":"128","lease":"1" }
    = v3electionpb.LeaderKey 0a0915ac56d6af19764d851203f2913418d002204c ~
    {"name":"FaxW1q8Zdk2F","key":"8pE0","rev":"336","lease":"76"}
    = v3electionpb.LeaderKey 1201922080808080808080808001 ~
    {"key":"kg==","lease":"-9223372036854775808"}
    = v3electionpb.LeaderRequest 0a093c6a2ee0cef6d56b45 ~ {"name":"PGou4M721WtF"}
    = v3electionpb.LeaderRequest ~ {}
    = v3electionpb.LeaderResponse
    0a0c08cc07108c0118940320f00312190a091de97f2fc4a4232abe10850118e001202a2a017e3086 01 ~
    {"header":{"cluster_id":"972","member_id":"140","revision":"404","raft_term":"49
    6"},"kv":{"key":"Hel/L8SkIyq+","create_revision":"133","mod_revision":"224","ver
    sion":"42","value":"fg==","lease":"134"}}
    = v3electionpb.LeaderResponse 120c10808080800820ac022a0116 ~
    {"kv":{"create_revision":"2147483648","version":"300","value":"Fg=="}}
    = etcdserverpb.LeaseCheckpoint 08a707109104 ~ {"ID":"935","remaining_TTL":"529"}
    = etcdserverpb.LeaseCheckpoint 08ac021001 ~ {"ID":"300","remaining_TTL":"1"}
    = etcdserverpb.LeaseCheckpointRequest 0a0608d20210d1060a06088706108903 ~
    {"checkpoints":[{"ID":"338","remaining_TTL":"849"},{"ID":"775","remaining_TTL":" 393"}]}
    = etcdserverpb.LeaseCheckpointRequest 0a0e08ac0210ffffffffffffffffff01 ~
    {"checkpoints":[{"ID":"300","remaining_TTL":"-1"}]}
    = etcdserverpb.LeaseCheckpointResponse 0a0c088b05109c04189a0620c603 ~
    {"header":{"cluster_id":"651","member_id":"540","revision":"794","raft_term":"45 4"}}
    = etcdserverpb.LeaseGrantRequest 08c004108201 ~ {"TTL":"576","ID":"130"}
    = etcdserverpb.LeaseGrantRequest 1080808080808080808001 ~ {"ID":"-9223372036854775808"}
    = etcdserverpb.LeaseGrantResponse 0a0c08fd0410c10118fd0520fb0510b60518a801220465746364 ~
    {"header":{"cluster_id":"637","member_id":"193","revision":"765","raft_term":"76
    3"},"ID":"694","TTL":"168","error":"etcd"}
    = etcdserverpb.LeaseGrantResponse
    0a2608808080801010ffffffffffffffffff0118ffffffffffffffff7f20ffffffffffffffffff01
    10ffffffffffffffffff011880e497d012 ~
    {"header":{"cluster_id":"4294967296","member_id":"18446744073709551615","revisio
    n":"9223372036854775807","raft_term":"18446744073709551615"},"ID":"-1","TTL":"50 00000000"}
    = leasepb.LeaseInternalRequest 0a0508ff031001 ~
    {"LeaseTimeToLiveRequest":{"ID":"511","keys":true}}
    = leasepb.LeaseInternalRequest ~ {}
    = leasepb.LeaseInternalResponse
    0a260a0a08e804100b181820a50510e207189e0720c6062a09b976c928f0a169e0322a042d365eda ~
    {"LeaseTimeToLiveResponse":{"header":{"cluster_id":"616","member_id":"11","revis
    ion":"24","raft_term":"677"},"ID":"994","TTL":"926","grantedTTL":"838","keys":["
    uXbJKPChaeAy","LTZe2g=="]}}
    = leasepb.LeaseInternalResponse
    0a2f0a1410ffffffffffffffffff01188080808008208001107f18ffffffffffffffff7f20808080
    80082a053b0290f944 ~
    {"LeaseTimeToLiveResponse":{"header":{"member_id":"18446744073709551615","revisi
    on":"2147483648","raft_term":"128"},"ID":"127","TTL":"9223372036854775807","gran
    tedTTL":"2147483648","keys":["OwKQ+UQ="]}}
    = etcdserverpb.LeaseKeepAliveRequest 08dc02 ~ {"ID":"348"}
    = etcdserverpb.LeaseKeepAliveRequest 088001 ~ {"ID":"128"}
    = etcdserverpb.LeaseKeepAliveResponse 0a0c08cd0410d30618e80520b60410f902188006 ~
    {"header":{"cluster_id":"589","member_id":"851","revision":"744","raft_term":"56
    6"},"ID":"377","TTL":"768"}
    = etcdserverpb.LeaseKeepAliveResponse 0a0c10800118ac02208080808010107f ~
    {"header":{"member_id":"128","revision":"300","raft_term":"4294967296"},"ID":"12 7"}
    = etcdserverpb.LeaseLeasesResponse 0a0b086710a80218d80120f503120308c105 ~
    {"header":{"cluster_id":"103","member_id":"296","revision":"216","raft_term":"50
    1"},"leases":[{"ID":"705"}]}
    = etcdserverpb.LeaseLeasesResponse 0a070880011080800112001200 ~
    {"header":{"cluster_id":"128","member_id":"16384"},"leases":[{},{}]}
    = leasepb.Lease 08ab0110d502188805 ~ {"ID":"171","TTL":"341","RemainingTTL":"648"}
    = leasepb.Lease 08011080808080081801 ~ {"ID":"1","TTL":"2147483648","RemainingTTL":"1"}
    = etcdserverpb.LeaseRevokeRequest 088302 ~ {"ID":"259"}
    = etcdserverpb.LeaseRevokeRequest 08ac02 ~ {"ID":"300"}
    = etcdserverpb.LeaseRevokeResponse 0a0a082e10830518ed052040 ~
    {"header":{"cluster_id":"46","member_id":"643","revision":"749","raft_term":"64" }}
    = etcdserverpb.LeaseStatus 088a01 ~ {"ID":"138"}
    = etcdserverpb.LeaseStatus 0880e497d012 ~ {"ID":"5000000000"}
    = etcdserverpb.LeaseTimeToLiveRequest 08d9071001 ~ {"ID":"985","keys":true}
    = etcdserverpb.LeaseTimeToLiveRequest 087f1001 ~ {"ID":"127","keys":true}
    = etcdserverpb.LeaseTimeToLiveResponse 0a0c08bd0510a00718d10620d7071013188c03209b022a021d56 ~
    {"header":{"cluster_id":"701","member_id":"928","revision":"849","raft_term":"98
    3"},"ID":"19","TTL":"396","grantedTTL":"283","keys":["HVY="]}
    = etcdserverpb.LeaseTimeToLiveResponse 1080808080082a002a0134 ~
    {"ID":"2147483648","keys":["","NA=="]}
    = v3lockpb.LockRequest 0a015010f706 ~ {"name":"UA==","lease":"887"}
    = v3lockpb.LockRequest
    0a8201c70e1acab4cc59420f81a6039cf8e5809f7e3c3b528b2f778dea989e7c288b13932a9b50ef
    8ed92029bff1762643f490b52385cc6ee6d8a298c004b7f251b90ce8e3f7e2e3ffa2b49c1e34a906
    2ef4b343e25b48423b0bfa809781974e446efea3512afcd8d07bdb06168bc0b71b28e55b32e3819c
    a66715036fad2f14faa84c0d7c10ac02 ~
    {"name":"xw4ayrTMWUIPgaYDnPjlgJ9+PDtSiy93jeqYnnwoixOTKptQ747ZICm/8XYmQ/SQtSOFzG7
    m2KKYwAS38lG5DOjj9+Lj/6K0nB40qQYu9LND4ltIQjsL+oCXgZdORG7+o1Eq/NjQe9sGFovAtxso5Vs
    y44GcpmcVA2+tLxT6qEwNfA==","lease":"300"}
    = v3lockpb.LockResponse 0a0a08ac031020185620a6071203ebc928 ~
    {"header":{"cluster_id":"428","member_id":"32","revision":"86","raft_term":"934" },"key":"68ko"}
    = v3lockpb.LockResponse 0a07087f1080012001120590c787d5e9 ~
    {"header":{"cluster_id":"127","member_id":"128","raft_term":"1"},"key":"kMeH1ek= "}
    = etcdserverpb.Member 08de061204657463641a04657463641a04657463642204657463642801 ~
    {"ID":"862","name":"etcd","peerURLs":["etcd","etcd"],"clientURLs":["etcd"],"isLe arner":true}
    = etcdserverpb.Member
    0880011a08613c623e2622635c1a0ac3a9e280a80af09f98802214687474703a2f2f31302e302e30
    2e313a323338302214687474703a2f2f31302e302e302e313a323338302801 ~
    {"ID":"128","peerURLs":["a<b>&\"c\\","\u00e9\u2028\n\ud83d\ude00"],"clientURLs":
    ["http://10.0.0.1:2380","http://10.0.0.1:2380"],"isLearner":true}
    = etcdserverpb.MemberAddRequest 0a04657463641001 ~ {"peerURLs":["etcd"],"isLearner":true}
    = etcdserverpb.MemberAddRequest 0a14687474703a2f2f31302e302e302e313a323338301001 ~
    {"peerURLs":["http://10.0.0.1:2380"],"isLearner":true}
    = etcdserverpb.MemberAddResponse
    0a0b083910a30718d10420a00212170899041204657463641a046574636422046574636428011a17
    0890041204657463641a04657463642204657463642801 ~
    {"header":{"cluster_id":"57","member_id":"931","revision":"593","raft_term":"288
    "},"member":{"ID":"537","name":"etcd","peerURLs":["etcd"],"clientURLs":["etcd"],
    "isLearner":true},"members":[{"ID":"528","name":"etcd","peerURLs":["etcd"],"clie
    ntURLs":["etcd"],"isLearner":true}]}
    = etcdserverpb.MemberAddResponse
    1a2a0880808080102214687474703a2f2f31302e302e302e313a32333830220ac3a9e280a80af09f 98802801 ~
    {"members":[{"ID":"4294967296","clientURLs":["http://10.0.0.1:2380","\u00e9\u202
    8\n\ud83d\ude00"],"isLearner":true}]}
    = etcdserverpb.MemberListRequest 0801 ~ {"linearizable":true}
    = etcdserverpb.MemberListRequest ~ {}
    = etcdserverpb.MemberListResponse
    0a0b087010dd03189004208801121d08f5061204657463641a04657463641a046574636422046574
    636428011222086f1204657463641a04657463641a04657463642204657463642204657463642801 ~
    {"header":{"cluster_id":"112","member_id":"477","revision":"528","raft_term":"13
    6"},"members":[{"ID":"885","name":"etcd","peerURLs":["etcd","etcd"],"clientURLs"
    :["etcd"],"isLearner":true},{"ID":"111","name":"etcd","peerURLs":["etcd","etcd"]
    ,"clientURLs":["etcd","etcd"],"isLearner":true}]}
    = etcdserverpb.MemberListResponse
    0a1f08b298eaf1948386fccd0110808080801018ac0220b298eaf1948386fccd01120a0880800112
    0465746364120e120ac3a9e280a80af09f98802801 ~
    {"header":{"cluster_id":"14841639068965178418","member_id":"4294967296","revisio
    n":"300","raft_term":"14841639068965178418"},"members":[{"ID":"16384","name":"et
    cd"},{"name":"\u00e9\u2028\n\ud83d\ude00","isLearner":true}]}
    = etcdserverpb.MemberPromoteRequest 089d03 ~ {"ID":"413"}
    = etcdserverpb.MemberPromoteRequest ~ {}
    = etcdserverpb.MemberPromoteResponse
    0a0b088a051073188902208d06121d0890021204657463641a04657463641a046574636422046574 63642801 ~
    {"header":{"cluster_id":"650","member_id":"115","revision":"265","raft_term":"78
    1"},"members":[{"ID":"272","name":"etcd","peerURLs":["etcd","etcd"],"clientURLs"
    :["etcd"],"isLearner":true}]}
    = etcdserverpb.MemberPromoteResponse
    0a2708ffffffffffffffffff0110b298eaf1948386fccd011880e497d01220ffffffffffffffffff 01 ~
    {"header":{"cluster_id":"18446744073709551615","member_id":"14841639068965178418
    ","revision":"5000000000","raft_term":"18446744073709551615"}}
    = etcdserverpb.MemberRemoveRequest 08a007 ~ {"ID":"928"}
    = etcdserverpb.MemberRemoveRequest 08ffffffffffffffffff01 ~ {"ID":"18446744073709551615"}
    = etcdserverpb.MemberRemoveResponse
    0a0c08800410cb0518f804208f04122308d9061204657463641a04657463641a0465746364220465
    7463642204657463642801121c08351204657463641a046574636422046574636422046574636428 01 ~
    {"header":{"cluster_id":"512","member_id":"715","revision":"632","raft_term":"52
    7"},"members":[{"ID":"857","name":"etcd","peerURLs":["etcd","etcd"],"clientURLs"
    :["etcd","etcd"],"isLearner":true},{"ID":"53","name":"etcd","peerURLs":["etcd"],
    "clientURLs":["etcd","etcd"],"isLearner":true}]}
    = etcdserverpb.MemberRemoveResponse
    121e1208613c623e2622635c1a08613c623e2622635c2208613c623e2622635c ~
    {"members":[{"name":"a<b>&\"c\\","peerURLs":["a<b>&\"c\\"],"clientURLs":["a<b>&\ "c\\"]}]}
    = etcdserverpb.MemberUpdateRequest 08ba05120465746364 ~ {"ID":"698","peerURLs":["etcd"]}
    = etcdserverpb.MemberUpdateRequest 120ac3a9e280a80af09f9880 ~
    {"peerURLs":["\u00e9\u2028\n\ud83d\ude00"]}
    = etcdserverpb.MemberUpdateResponse
    0a0c08f20510be0118cb0620be03121c082b1204657463641a046574636422046574636422046574 63642801 ~
    {"header":{"cluster_id":"754","member_id":"190","revision":"843","raft_term":"44
    6"},"members":[{"ID":"43","name":"etcd","peerURLs":["etcd"],"clientURLs":["etcd"
    ,"etcd"],"isLearner":true}]}
    = etcdserverpb.MemberUpdateResponse
    0a1308ffffffffffffffffff0110808001187f2001121a1a0ac3a9e280a80af09f9880220ac3a9e2
    80a80af09f9880280112222214687474703a2f2f31302e302e302e313a323338302208613c623e26 22635c2801 ~
    {"header":{"cluster_id":"18446744073709551615","member_id":"16384","revision":"1
    27","raft_term":"1"},"members":[{"peerURLs":["\u00e9\u2028\n\ud83d\ude00"],"clie
    ntURLs":["\u00e9\u2028\n\ud83d\ude00"],"isLearner":true},{"clientURLs":["http://
    10.0.0.1:2380","a<b>&\"c\\"],"isLearner":true}]}
    = etcdserverpb.MoveLeaderRequest 08d102 ~ {"targetID":"337"}
    = etcdserverpb.MoveLeaderRequest 087f ~ {"targetID":"127"}
    = etcdserverpb.MoveLeaderResponse 0a0b08ba0110bd02187220b105 ~
    {"header":{"cluster_id":"186","member_id":"317","revision":"114","raft_term":"68 9"}}
    = authpb.Permission 1209b6122f3ac1c09f260d1a09f281c04f50564b71ee ~
    {"key":"thIvOsHAnyYN","range_end":"8oHAT1BWS3Hu"}
    = authpb.Permission
    080212820111f032c92b3e17757b76c7a618cb0377f3aa6b9b04b17e59927517e1b0f9dfb662c88b
    c5bd309056895ed94a237e438ab1b8b90f56c9e545284a94dccaa7a4351850b5baa2746ed761609a
    0d7cc7322d16cbc284419cdb3ae553c5faea75853d855b8ceb0067904b36134607bb960ef16f8255
    f6e65eb80e730d0e871d780d8f119c ~
    {"permType":"READWRITE","key":"EfAyySs+F3V7dsemGMsDd/Oqa5sEsX5ZknUX4bD537ZiyIvFv
    TCQVole2UojfkOKsbi5D1bJ5UUoSpTcyqekNRhQtbqidG7XYWCaDXzHMi0Wy8KEQZzbOuVTxfrqdYU9h
    VuM6wBnkEs2E0YHu5YO8W+CVfbmXrgOcw0Ohx14DY8RnA=="}
    = v3electionpb.ProclaimRequest 0a0f0a014e120471daf43a18e30320a30412011f ~
    {"leader":{"name":"Tg==","key":"cdr0Og==","rev":"483","lease":"547"},"value":"Hw =="}
    = v3electionpb.ProclaimRequest ~ {}
    = v3electionpb.ProclaimResponse 0a0c08d60510d70118850720d107 ~
    {"header":{"cluster_id":"726","member_id":"215","revision":"901","raft_term":"97 7"}}
    = etcdserverpb.PutRequest 0a01c11201f8188c02200128013001 ~
    {"key":"wQ==","value":"+A==","lease":"268","prev_kv":true,"ignore_value":true,"i
    gnore_lease":true}
    = etcdserverpb.PutRequest
    0a8201f5de35b7c75f02d6a3b28f7fc0a7d67419b3571da3310ba93fe90aa1fe88eab9a2dd9289eb
    6f913d3b5cf6e0ef81460ba3013b2298bfd7ae9d6638f84e795cd4ead3972798600a775357fc2998
    fe2a2aa1002e4c486de3c5f47bfffae55f3c02ebd67eeff8f93b5c4e49fb6be11889fc747437b53a
    fba5320d524005df494c9f0d08187f3001 ~
    {"key":"9d41t8dfAtajso9/wKfWdBmzVx2jMQupP+kKof6I6rmi3ZKJ62+RPTtc9uDvgUYLowE7Ipi/
    166dZjj4Tnlc1OrTlyeYYAp3U1f8KZj+KiqhAC5MSG3jxfR7//rlXzwC69Z+7/j5O1xOSftr4RiJ/HR0
    N7U6+6UyDVJABd9JTJ8NCA==","lease":"127","ignore_lease":true}
    = etcdserverpb.PutResponse
    0a0b084d109b02188707209a0612140a0254dc10d405181220ed062a04e2754b273007 ~
    {"header":{"cluster_id":"77","member_id":"283","revision":"903","raft_term":"794
    "},"prev_kv":{"key":"VNw=","create_revision":"724","mod_revision":"18","version"
    :"877","value":"4nVLJw==","lease":"7"}}
    = etcdserverpb.PutResponse
    0a1008b298eaf1948386fccd01107f208001121210ffffffffffffffff7f187f208080808008 ~
    {"header":{"cluster_id":"14841639068965178418","member_id":"127","raft_term":"12
    8"},"prev_kv":{"create_revision":"9223372036854775807","mod_revision":"127","ver
    sion":"2147483648"}}
    = etcdserverpb.RangeRequest
    0a026b4c1209f84dd9a51425cab58e18880520fd062801300138014001480150c801589001608404 683a ~
    {"key":"a0w=","range_end":"+E3ZpRQlyrWO","limit":"648","revision":"893","sort_or
    der":"ASCEND","sort_target":"VERSION","serializable":true,"keys_only":true,"coun
    t_only":true,"min_mod_revision":"200","max_mod_revision":"144","min_create_revis
    ion":"516","max_create_revision":"58"}
    = etcdserverpb.RangeRequest 12015c188080808008280948015080e497d01258ac02 ~
    {"range_end":"XA==","limit":"2147483648","sort_order":9,"count_only":true,"min_m
    od_revision":"5000000000","max_mod_revision":"300"}
    = etcdserverpb.RangeResponse
    0a0a08e707106c18ae03207412140a04eb24d96710dc0318e30420d0022a01d63039121a0a02df40
    10b0071896072097032a098ccb17958725b6fc83307c180120c606 ~
    {"header":{"cluster_id":"999","member_id":"108","revision":"430","raft_term":"11
    6"},"kvs":[{"key":"6yTZZw==","create_revision":"476","mod_revision":"611","versi
    on":"336","value":"1g==","lease":"57"},{"key":"30A=","create_revision":"944","mo
    d_revision":"918","version":"407","value":"jMsXlYcltvyD","lease":"124"}],"more":
    true,"count":"838"}
    = etcdserverpb.RangeResponse
    0a0c087f10808001187f20808001120d1080808080808080808001207f180120ac02 ~
    {"header":{"cluster_id":"127","member_id":"16384","revision":"127","raft_term":"
    16384"},"kvs":[{"create_revision":"-9223372036854775808","version":"127"}],"more
    ":true,"count":"300"}
    = etcdserverpb.RangeStreamResponse
    0a290a0c08ce0310b80318f70320930212150a03db7e8b100a189f042080032a03da59ed30d30718 012043 ~
    {"range_response":{"header":{"cluster_id":"462","member_id":"440","revision":"50
    3","raft_term":"275"},"kvs":[{"key":"236L","create_revision":"10","mod_revision"
    :"543","version":"384","value":"2lnt","lease":"979"}],"more":true,"count":"67"}}
    = etcdserverpb.RangeStreamResponse 0a1a0a081880808080082001120a0a01c3108001207f307f18012001 ~
    {"range_response":{"header":{"revision":"2147483648","raft_term":"1"},"kvs":[{"k
    ey":"ww==","create_revision":"128","version":"127","lease":"127"}],"more":true," count":"1"}}
    = etcdserverpb.RequestHeader 08dc0712046574636418c207 ~
    {"ID":"988","username":"etcd","auth_revision":"962"}
    = etcdserverpb.RequestHeader 08808001 ~ {"ID":"16384"}
    = etcdserverpb.RequestOp 12110a03ef241512010318b807200128013001 ~
    {"request_put":{"key":"7yQV","value":"Aw==","lease":"952","prev_kv":true,"ignore
    _value":true,"ignore_lease":true}}
    = etcdserverpb.RequestOp
    1290010a8201a937eff18fa1ff26708f0c9c53ee028e2dac809701fe62529e38a31cb15029967060
    17a417ea1d1b8780e1490d0ca33edf72de8a6c4a60e51db19214a04eb246376f0cb5193e3ad29af0
    effe7119769a1c098a59bb188960618724f658778bb1a57281e08c9b0331139d9e745e676238d97b
    6ec63c5643c75226c396c66491bb53f01205f845c16dc220013001 ~
    {"request_put":{"key":"qTfv8Y+h/yZwjwycU+4Cji2sgJcB/mJSnjijHLFQKZZwYBekF+odG4eA4
    UkNDKM+33LeimxKYOUdsZIUoE6yRjdvDLUZPjrSmvDv/nEZdpocCYpZuxiJYGGHJPZYd4uxpXKB4IybA
    zETnZ50XmdiONl7bsY8VkPHUibDlsZkkbtT8A==","value":"+EXBbcI=","prev_kv":true,"igno
    re_lease":true}}
    = v3electionpb.ResignRequest 0a0d0a0233d612018818ff0620e107 ~
    {"leader":{"name":"M9Y=","key":"iA==","rev":"895","lease":"993"}}
    = v3electionpb.ResignRequest ~ {}
    = v3electionpb.ResignResponse 0a0b08a102100a18990620f001 ~
    {"header":{"cluster_id":"289","member_id":"10","revision":"793","raft_term":"240 "}}
    = etcdserverpb.ResponseHeader 086510cf05186c20ff03 ~
    {"cluster_id":"101","member_id":"719","revision":"108","raft_term":"511"}
    = etcdserverpb.ResponseHeader 08b298eaf1948386fccd01100118ac02208001 ~
    {"cluster_id":"14841639068965178418","member_id":"1","revision":"300","raft_term ":"128"}
    = etcdserverpb.ResponseOp
    122b0a0b08b507106718d20520c301121c0a09a4db6bd7c84e937ef210d10518c004209c032a03a9 e99130e903 ~
    {"response_put":{"header":{"cluster_id":"949","member_id":"103","revision":"722"
    ,"raft_term":"195"},"prev_kv":{"key":"pNtr18hOk37y","create_revision":"721","mod
    _revision":"576","version":"412","value":"qemR","lease":"489"}}}
    = etcdserverpb.ResponseOp
    22250a2308b298eaf1948386fccd0110b298eaf1948386fccd01180120b298eaf1948386fccd01 ~
    {"response_txn":{"header":{"cluster_id":"14841639068965178418","member_id":"1484
    1639068965178418","revision":"1","raft_term":"14841639068965178418"}}}
    = authpb.Role 0a012112120802120919c7efa38554aed5d31a0384d6eb ~
    {"name":"IQ==","keyPermission":[{"permType":"READWRITE","key":"Gcfvo4VUrtXT","ra
    nge_end":"hNbr"}]}
    = authpb.Role 0a01e3 ~ {"name":"4w=="}
    = etcdserverpb.SnapshotResponse
    0a0c088402108001188203209801103b1a09873ab41f020c0ea45d220465746364 ~
    {"header":{"cluster_id":"260","member_id":"128","revision":"386","raft_term":"15
    2"},"remaining_bytes":"59","blob":"hzq0HwIMDqRd","version":"etcd"}
    = etcdserverpb.SnapshotResponse
    0a1808ffffffffffffffffff0118ffffffffffffffff7f208001220ac3a9e280a80af09f9880 ~
    {"header":{"cluster_id":"18446744073709551615","revision":"9223372036854775807",
    "raft_term":"128"},"version":"\u00e9\u2028\n\ud83d\ude00"}
    = etcdserverpb.StatusResponse
    0a0c08fc0310e70718cd0320c70412046574636418ca0720be0228a007300538f606420465746364
    48840150015a046574636460a0026a080801120465746364 ~
    {"header":{"cluster_id":"508","member_id":"999","revision":"461","raft_term":"58
    3"},"version":"etcd","dbSize":"970","leader":"318","raftIndex":"928","raftTerm":
    "5","raftAppliedIndex":"886","errors":["etcd"],"dbSizeInUse":"132","isLearner":t
    rue,"storageVersion":"etcd","dbSizeQuota":"288","downgradeInfo":{"enabled":true,
    "targetVersion":"etcd"}}
    = etcdserverpb.StatusResponse
    1208613c623e2622635c20800128013001388080808010420ac3a9e280a80af09f98804204657463
    6448800150015a046574636460ac026a0c08011208613c623e2622635c ~
    {"version":"a<b>&\"c\\","leader":"128","raftIndex":"1","raftTerm":"1","raftAppli
    edIndex":"4294967296","errors":["\u00e9\u2028\n\ud83d\ude00","etcd"],"dbSizeInUs
    e":"128","isLearner":true,"storageVersion":"etcd","dbSizeQuota":"300","downgrade
    Info":{"enabled":true,"targetVersion":"a<b>&\"c\\"}}
    = etcdserverpb.TxnRequest
    0a0e08011a01b828e204820403c51b630a1110041a03d85af32088078204044c25d196120c1a0a0a
    01881203a90d50180112240a220a0200db120280e218d502200c2801300138014001480150e60658
    bd0460df0468171a20221e0a1008021a026ef520950282040440cde5071202220012021a001a020a 00 ~
    {"compare":[{"result":"GREATER","key":"uA==","create_revision":"610","range_end"
    :"xRtj"},{"target":"LEASE","key":"2Frz","version":"904","range_end":"TCXRlg=="}]
    ,"success":[{"request_delete_range":{"key":"iA==","range_end":"qQ1Q","prev_kv":t
    rue}},{"request_range":{"key":"ANs=","range_end":"gOI=","limit":"341","revision"
    :"12","sort_order":"ASCEND","sort_target":"VERSION","serializable":true,"keys_on
    ly":true,"count_only":true,"min_mod_revision":"870","max_mod_revision":"573","mi
    n_create_revision":"607","max_create_revision":"23"}}],"failure":[{"request_txn"
    :{"compare":[{"result":"LESS","key":"bvU=","version":"277","range_end":"QM3lBw==
    "}],"success":[{"request_txn":{}},{"request_delete_range":{}}],"failure":[{"requ
    est_range":{}}]}}]}
    = etcdserverpb.TxnRequest
    1299012296010a8b011a82017689023c08be8d9de5d4a995556e0a59c5f10c4a43de6e022bb855b2
    43801f32a20538ee74404f01c01af8e9a376e0883588a64b31862410f44aa71f8a161e0fe4c09d22
    1faa6592fa48f2aada1c9ec8853c43fecfddd097ff2193f5fec0789eb0933e0cc9d17395df79944b
    9ab15da537831eae3027f810ddea3c63cf1270c105ab4001820401761a020a001a02220012240a22
    1201aa20808080808080808080012801300938014001480168ffffffffffffffff7f ~
    {"success":[{"request_txn":{"compare":[{"key":"dokCPAi+jZ3l1KmVVW4KWcXxDEpD3m4CK
    7hVskOAHzKiBTjudEBPAcAa+OmjduCINYimSzGGJBD0SqcfihYeD+TAnSIfqmWS+kjyqtocnsiFPEP+z
    93Ql/8hk/X+wHiesJM+DMnRc5XfeZRLmrFdpTeDHq4wJ/gQ3eo8Y88ScMEFqw==","lease":"1","ra
    nge_end":"dg=="}],"failure":[{"request_range":{}},{"request_txn":{}}]}},{"reques
    t_range":{"range_end":"qg==","revision":"-9223372036854775808","sort_order":"ASC
    END","sort_target":9,"serializable":true,"keys_only":true,"count_only":true,"max
    _create_revision":"9223372036854775807"}}]}
    = etcdserverpb.TxnResponse
    0a0c08ae0210cc0218fd0120910510011a1a22180a0c08b70710cf0318bf0320d70410011a021200 1a021200 ~
    {"header":{"cluster_id":"302","member_id":"332","revision":"253","raft_term":"65
    7"},"succeeded":true,"responses":[{"response_txn":{"header":{"cluster_id":"951",
    "member_id":"463","revision":"447","raft_term":"599"},"succeeded":true,"response
    s":[{"response_put":{}},{"response_put":{}}]}}]}
    = etcdserverpb.TxnResponse
    0a091080808080101880011a1d221b0a13080110808080801018ffffffffffffffffff0110011a02
    22001ab8010ab5010a0908808001100118ac02128a0110012a8201cdf5c8c3948deee8472b1721c0
    7a579663cf55bd663423cbbcac31223563d5d2300447e5dc07630e19e8599474ca5819f877a0ed54
    e3d8cf037ff6f86ad857190a151e05c73e228fdc21e1616577866c3e661a0b2a0dba44244ef00663
    9708855d0625a03882946da15921387183857906c224f9c5c67ded907139c5d15ddcd4e74630ac02
    120e0a053fe422ce9c2a058b63bf694818012080808080808080808001 ~
    {"header":{"member_id":"4294967296","revision":"128"},"responses":[{"response_tx
    n":{"header":{"cluster_id":"1","member_id":"4294967296","revision":"-1"},"succee
    ded":true,"responses":[{"response_txn":{}}]}},{"response_range":{"header":{"clus
    ter_id":"16384","member_id":"1","revision":"300"},"kvs":[{"create_revision":"1",
    "value":"zfXIw5SN7uhHKxchwHpXlmPPVb1mNCPLvKwxIjVj1dIwBEfl3AdjDhnoWZR0ylgZ+Heg7VT
    j2M8Df/b4athXGQoVHgXHPiKP3CHhYWV3hmw+ZhoLKg26RCRO8AZjlwiFXQYloDiClG2hWSE4cYOFeQb
    CJPnFxn3tkHE5xdFd3NTnRg==","lease":"300"},{"key":"P+Qizpw=","value":"i2O/aUg="}]
    ,"more":true,"count":"-9223372036854775808"}}]}
    = v3lockpb.UnlockRequest 0a038b09a0 ~ {"key":"iwmg"}
    = v3lockpb.UnlockRequest ~ {}
    = v3lockpb.UnlockResponse 0a0c08fe03109f0318fb01209905 ~
    {"header":{"cluster_id":"510","member_id":"415","revision":"251","raft_term":"66 5"}}
    = authpb.User 0a01151201151a04657463641a046574636422020801 ~
    {"name":"FQ==","password":"FQ==","roles":["etcd","etcd"],"options":{"no_password ":true}}
    = authpb.User 1282013fa6f0c337b74ef6371ecfc2e013e5ff255543e892eb60b7d2ffd07b4d0091fede66df8743
    a530f6cbbdb28dbdf4198e84a4605bf02f1c21010da2f1737f5af4c365b3bea4cddddc7fd1fec145
    43bcf31b91e2cf9a2b9dfae6b290021c0b83f1d5bfbd7d8c42b22bcafc5a588057428a3824218924
    c98afa60d1bd1fb0aacfa4eaac1a0465746364 ~
    {"password":"P6bwwze3TvY3Hs/C4BPl/yVVQ+iS62C30v/Qe00Akf7eZt+HQ6Uw9su9so299BmOhKR
    gW/AvHCEBDaLxc39a9MNls76kzd3cf9H+wUVDvPMbkeLPmiud+uaykAIcC4Px1b+9fYxCsivK/FpYgFd
    CijgkIYkkyYr6YNG9H7Cqz6TqrA==","roles":["etcd"]}
    = authpb.UserAddOptions 0801 ~ {"no_password":true}
    = authpb.UserAddOptions 0801 ~ {"no_password":true}
    = etcdserverpb.WatchCancelRequest 08d204 ~ {"watch_id":"594"}
    = etcdserverpb.WatchCancelRequest 0880808080808080808001 ~ {"watch_id":"-9223372036854775808"}
    = etcdserverpb.WatchCreateRequest 0a04362c41c0120400d98db1184c20012a0101300138d7074001 ~
    {"key":"NixBwA==","range_end":"ANmNsQ==","start_revision":"76","progress_notify"
    :true,"filters":["NODELETE"],"prev_kv":true,"watch_id":"983","fragment":true}
    = etcdserverpb.WatchCreateRequest
    0a056b2ccb6de81201ae1880e497d01220012a0101300138ffffffffffffffff7f ~
    {"key":"ayzLbeg=","range_end":"rg==","start_revision":"5000000000","progress_not
    ify":true,"filters":["NODELETE"],"prev_kv":true,"watch_id":"9223372036854775807" }
    = etcdserverpb.WatchRequest 0a180a04de21a3e81201bf183c20012a020000300138fc014001 ~
    {"create_request":{"key":"3iGj6A==","range_end":"vw==","start_revision":"60","pr
    ogress_notify":true,"filters":["NOPUT","NOPUT"],"prev_kv":true,"watch_id":"252",
    "fragment":true}}
    = etcdserverpb.WatchRequest 1a00 ~ {"progress_request":{}}
    = etcdserverpb.WatchResponse
    0a0c08b20510ec0118d304209e0210b50518012001285f32046574636438015a3212120a01c110b0
    0718e50720bf022a012330d2061a1c0a0987c1b8dc365d0713b1106718c6032089052a04b7303f6f 30ba06 ~
    {"header":{"cluster_id":"690","member_id":"236","revision":"595","raft_term":"28
    6"},"watch_id":"693","created":true,"canceled":true,"compact_revision":"95","can
    cel_reason":"etcd","fragment":true,"events":[{"kv":{"key":"wQ==","create_revisio
    n":"944","mod_revision":"997","version":"319","value":"Iw==","lease":"850"},"pre
    v_kv":{"key":"h8G43DZdBxOx","create_revision":"103","mod_revision":"454","versio
    n":"649","value":"tzA/bw==","lease":"826"}}]}
    = etcdserverpb.WatchResponse
    0a1e087f10ffffffffffffffffff0118ffffffffffffffffff012080808080101801200128ac0232 04657463643801
    ~ {"header":{"cluster_id":"127","member_id":"18446744073709551615","revision":"-1"
    ,"raft_term":"4294967296"},"created":true,"canceled":true,"compact_revision":"30
    0","cancel_reason":"etcd","fragment":true}
    """#

/// Per `=` the field number of the kind, and a whole entry in hexadecimal.
let goldenRaftRequests = """
    = 3 1a220a0496cdc77a1202554218a107207228013004380140014801504958f104603c6871a2060a08
    011204726f6f741807
    = 4 22130a04bb6b33d91202a92618f206200128013001a2060a08011204726f6f741807
    = 5 2a0d0a03c367f51204ca75226d1801a2061308b298eaf1948386fccd011204726f6f741807
    = 6 328f010a1108021a03c9209f288e06820404c0605cf80a13080110011a04f56b1eab206182040404
    37e89a12290a270a016e12097ce4b0ab36ee8f7b8b18fb032007300338014001480150db0358b304
    60b1026890061a1312110a03eee2681201e418a2032001280130011a250a230a0261071203e255f1
    18c902204228013004380140014801501358cb0660b10568ff06a2060a087f1204726f6f741807
    = 7 3a0408021001a2061308ffffffffffffffffff011204726f6f741807
    = 8 420608b70510d905a2060a08011204726f6f741807
    = 9 4a0308f203a2061308ffffffffffffffffff011204726f6f741807
    = 10 520708011084021801a2061308ffffffffffffffffff011204726f6f741807
    = 11 5a080a0608ce06109402a2060b0880011204726f6f741807
    = 1000 a2060e0880808080101204726f6f741807c23e00
    = 1011 a2060a08011204726f6f7418079a3f00
    = 1013 a2060a087f1204726f6f741807aa3f00
    = 1012 a2060a087f1204726f6f741807a23f120a04657463641204657463641a0465746364
    = 1100 a2060c088080011204726f6f741807e244160a04657463641204657463641a020801220465746364
    = 1101 a2060e0880808080101204726f6f741807ea44060a0465746364
    = 1102 a2061308ffffffffffffffffff011204726f6f741807f244060a0465746364
    = 1103 a2061308ffffffffffffffffff011204726f6f741807fa44120a04657463641204657463641a0465 746364
    = 1104 a2060a08011204726f6f74180782450c0a0465746364120465746364
    = 1105 a2061308ffffffffffffffffff011204726f6f7418078a450c0a0465746364120465746364
    = 1106 a2060a087f1204726f6f741807924500
    = 1107 a2060a087f1204726f6f7418079a4500
    = 1200 a2060c088080011204726f6f741807824b060a0465746364
    = 1201 a2060b0880011204726f6f7418078a4b060a0465746364
    = 1202 a2060c088080011204726f6f741807924b060a0465746364
    = 1203 a2060e0880808080101204726f6f7418079a4b130a0465746364120b0802120407fc8dcb1a01f2
    = 1204 a2061308b298eaf1948386fccd011204726f6f741807a24b160a04657463641203a18e571a09f8c8
    865365e081505b
    = 1300 a2060e0880808080101204726f6f741807a251060a0465746364
    = 1301 a2060e0880808080101204726f6f741807aa51100809120c0a0465746364120465746364
    = 1302 a2060b0880011204726f6f741807b251080801120465746364
    """
